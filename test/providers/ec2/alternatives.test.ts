import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alternative } from '../../../src/providers/ec2/alternatives.ts';
import { alternativesOf, createAlternatives } from '../../../src/providers/ec2/alternatives.ts';

const text = ({ instanceType, subnetId }: Alternative): string => `${instanceType} ${subnetId ?? '-'}`;

function trial(types: readonly string[], subnets: readonly string[] = []) {
  const time = { now: 0 };
  const alternatives = createAlternatives({ now: () => time.now });
  const choice = { service: 'web', all: alternativesOf(types, subnets) };
  return { time, alternatives, choice, next: () => text(alternatives.next(choice)) };
}

describe('alternatives', () => {
  it('are all subnets of a type before the next type', () => {
    expect(alternativesOf(['a', 'b'], ['1', '2']).map(text)).toEqual(['a 1', 'a 2', 'b 1', 'b 2']);
    expect(alternativesOf(['a', 'b'], []).map(text)).toEqual(['a -', 'b -']);
  });

  it('begin with the preferred one, and go on behind what was refused', () => {
    const { alternatives, choice, next } = trial(['a', 'b', 'c']);
    expect(next()).toBe('a -');
    expect(alternatives.refuse(choice, { instanceType: 'a', subnetId: null })).toBe(true);
    expect(next()).toBe('b -');
    expect(alternatives.refuse(choice, { instanceType: 'a', subnetId: null })).toBe(true);
    expect(next()).toBe('b -');
  });

  it('are exhausted when all were refused, and the oldest refusal is tried again', () => {
    const { time, alternatives, choice, next } = trial(['a', 'b']);
    alternatives.refuse(choice, { instanceType: 'b', subnetId: null });
    time.now = 5;
    expect(alternatives.refuse(choice, { instanceType: 'a', subnetId: null })).toBe(false);
    expect(next()).toBe('b -');
    time.now = 10;
    expect(alternatives.refuse(choice, { instanceType: 'b', subnetId: null })).toBe(false);
    expect(next()).toBe('a -');
  });

  it('are preferred again a minute after the last refusal', () => {
    const { time, alternatives, choice, next } = trial(['a', 'b', 'c']);
    alternatives.refuse(choice, { instanceType: 'a', subnetId: null });
    time.now = 59_000;
    alternatives.refuse(choice, { instanceType: 'b', subnetId: null });
    time.now = 118_999;
    expect(next()).toBe('c -');
    time.now = 119_000;
    expect(next()).toBe('a -');
  });

  it('of one service, or of one list, are not those of another', () => {
    const { alternatives, choice } = trial(['a', 'b']);
    alternatives.refuse(choice, { instanceType: 'a', subnetId: null });
    expect(text(alternatives.next({ ...choice, service: 'db' }))).toBe('a -');
    expect(text(alternatives.next({ ...choice, all: alternativesOf(['a', 'c'], []) }))).toBe('a -');
  });

  it('tell whether another one is left', () => {
    const { alternatives, choice } = trial(['a', 'b']);
    const a = { instanceType: 'a', subnetId: null };
    expect(alternatives.hasOther(choice, a)).toBe(true);
    alternatives.refuse(choice, { instanceType: 'b', subnetId: null });
    expect(alternatives.hasOther(choice, a)).toBe(false);
    const alone = trial(['a']);
    expect(alone.alternatives.hasOther(alone.choice, a)).toBe(false);
    expect(alone.alternatives.refuse(alone.choice, a)).toBe(false);
    expect(alone.next()).toBe('a -');
  });

  it('cannot be none', () => {
    const { alternatives } = trial(['a']);
    expect(() => alternatives.next({ service: 'web', all: [] })).toThrow('This is a bug in plan.');
  });

  it('are each tried exactly once before they are exhausted, however slowly they are refused', () => {
    const names = fc.uniqueArray(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(names, names, fc.integer({ min: 0, max: 59_999 }), (types, subnets, pause) => {
        const { time, alternatives, choice } = trial(types, subnets);
        const tried: Alternative[] = [];
        for (let isLeft = true; isLeft;) {
          time.now += pause;
          const next = alternatives.next(choice);
          tried.push(next);
          isLeft = alternatives.refuse(choice, next);
        }
        expect(tried).toEqual(choice.all);
      }),
    );
  });
});
