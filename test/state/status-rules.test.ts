import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MachineState } from '../../src/machine.ts';
import type { GroupState } from '../../src/state/status-rules.ts';
import { combinedState, serviceState } from '../../src/state/status-rules.ts';

const SHORT = {
  p: 'pending',
  l: 'launching',
  c: 'connecting',
  b: 'bootstrapping',
  v: 'verifying',
  r: 'ready',
  f: 'failed',
  s: 'stopped',
  o: 'stopping',
  x: 'lost',
  t: 'terminating',
  g: 'terminated',
} as const satisfies Record<string, MachineState>;

describe('serviceState()', () => {
  it.each<[machines: string, min: number, max: number, expected: GroupState]>([
    // all terminated
    ['g', 1, 1, 'terminated'],
    ['ggg', 0, 3, 'terminated'],
    // any terminating
    ['gt', 2, 2, 'terminating'],
    ['rrt', 1, 3, 'terminating'],
    ['ft', 1, 2, 'terminating'],
    ['pt', 1, 2, 'terminating'],
    // none begun
    ['p', 1, 1, 'pending'],
    ['pp', 0, 2, 'pending'],
    // all stopped, whatever the minimum
    ['s', 1, 1, 'stopped'],
    ['ss', 0, 2, 'stopped'],
    // any stopping
    ['o', 1, 1, 'stopping'],
    ['or', 1, 2, 'stopping'],
    ['osl', 1, 3, 'stopping'],
    // any step running or due
    ['pr', 1, 2, 'starting'],
    ['pf', 1, 2, 'starting'],
    ['pg', 1, 2, 'starting'],
    ['l', 1, 1, 'starting'],
    ['rc', 1, 2, 'starting'],
    ['fb', 1, 2, 'starting'],
    ['vs', 1, 2, 'starting'],
    // ready ≥ max
    ['rr', 2, 2, 'ready'],
    ['rr', 1, 2, 'ready'],
    ['rrf', 1, 2, 'ready'],
    // ready ≥ min
    ['rf', 1, 2, 'degraded'],
    ['rx', 1, 2, 'degraded'],
    ['rs', 1, 2, 'degraded'],
    ['rg', 1, 2, 'degraded'],
    ['f', 0, 1, 'degraded'],
    // any failed or lost
    ['f', 1, 1, 'failed'],
    ['rf', 2, 2, 'failed'],
    ['x', 1, 1, 'failed'],
    ['sf', 2, 2, 'failed'],
    // else
    ['s', 1, 1, 'stopped'],
    ['rs', 2, 2, 'stopped'],
    ['gr', 2, 2, 'degraded'],
    // count 0
    ['', 0, 0, 'ready'],
  ])('is, for machines "%s" of %i to %i, %4$s', (machines, min, max, expected) => {
    const states = Array.from(machines, (letter) => SHORT[letter as keyof typeof SHORT]);
    expect(serviceState(states, { min, max })).toBe(expected);
  });

  it('does not depend on the order of machines', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...Object.values(SHORT))),
        fc.nat(5),
        fc.nat(5),
        (states, min, more) => {
          const size = { min, max: min + more };
          expect(serviceState(states.toSorted(), size)).toBe(serviceState(states, size));
        },
      ),
    );
  });
});

describe('combinedState()', () => {
  it.each<[parts: GroupState[], ended: boolean, expected: GroupState]>([
    // failed if a part is
    [['failed'], false, 'failed'],
    [['terminating', 'failed'], false, 'failed'],
    [['terminated', 'failed'], true, 'failed'],
    [['failed', 'pending'], true, 'failed'],
    [['ready', 'failed', 'pending'], false, 'failed'],
    // terminated
    [['terminated', 'terminated'], true, 'terminated'],
    [['ready', 'terminated'], true, 'terminating'],
    [['pending', 'terminated'], false, 'terminating'],
    // the first present
    [['starting', 'terminating'], false, 'terminating'],
    [['stopped', 'starting'], false, 'starting'],
    [['degraded', 'stopped'], true, 'stopped'],
    [['pending', 'pending'], false, 'pending'],
    [['pending'], true, 'pending'],
    [['ready', 'degraded'], true, 'degraded'],
    [['ready', 'ready'], true, 'ready'],
    // pending beside anything begun
    [['ready', 'pending'], false, 'starting'],
    [['ready', 'pending'], true, 'ready'],
    [['degraded', 'pending'], true, 'degraded'],
    [['stopped', 'pending'], true, 'stopped'],
    [['stopped', 'pending'], false, 'starting'],
    [['terminating', 'pending'], false, 'terminating'],
    [['starting', 'pending'], true, 'starting'],
    // nothing that is counted
    [[], true, 'ready'],
  ])('of %j is, the operation having ended: %j, %s', (parts, ended, expected) => {
    expect(combinedState(parts, { ended })).toBe(expected);
  });
});
