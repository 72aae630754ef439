import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlanRecord } from '../../src/fact.ts';
import type { Machine } from '../../src/machine.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { applyFact, foldFacts } from '../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../src/state/deployment-state.ts';
import type { Tallies } from '../../src/state/tally.ts';
import { allReached, countMachine, emptyTallies, openLevel, rebuildTallies } from '../../src/state/tally.ts';
import { created, histories } from './histories.ts';

const plan: PlanRecord = {
  digest: '',
  path: '',
  name: '',
  inputs: {},
  archive: '',
  levels: [
    { name: 'data', services: [{ name: 'db', provider: 'local', min: 1, max: 2 }] },
    { name: 'app', services: [{ name: 'web', provider: 'local', min: 0, max: 1 }] },
  ],
};

function machines(): Machine[] {
  return [...foldFacts([created, { type: 'plan-recorded', plan, at: 2 }]).machines.values()];
}

function tallied(...changes: readonly Partial<Machine>[]): Tallies {
  const tallies = emptyTallies();
  rebuildTallies(
    tallies,
    plan,
    machines().map((machine, index) => ({ ...machine, ...changes[index] })),
  );
  return tallies;
}

describe('openLevel()', () => {
  it('is the first level whose machines are not all settled', () => {
    expect(openLevel(tallied())).toBe(0);
    expect(openLevel(tallied({ stage: 'ready' }))).toBe(0);
    expect(openLevel(tallied({ stage: 'ready' }, { stage: 'ready' }))).toBe(1);
  });

  it('passes a level in which enough machines are ready and the others were given up', () => {
    expect(openLevel(tallied({ stage: 'ready' }, { gaveUp: true }))).toBe(1);
    expect(openLevel(tallied({ gaveUp: true }, { gaveUp: true }))).toBe(0);
  });

  it('passes a level without a minimum when everything in it was given up', () => {
    expect(openLevel(tallied({ stage: 'ready' }, { stage: 'ready' }, { gaveUp: true }))).toBe(2);
  });

  it('is past the end when nothing is asked for', () => {
    expect(openLevel(emptyTallies())).toBe(0);
  });
});

describe('allReached()', () => {
  it('counts machines that were reached and machines that never will be', () => {
    const reached = (...changes: readonly Partial<Machine>[]): boolean => {
      const tally = tallied(...changes).services.get('db');
      return tally !== undefined && allReached(tally);
    };
    expect(reached({ stage: 'connected' })).toBe(false);
    expect(reached({ stage: 'connected' }, { stage: 'running', gaveUp: true })).toBe(true);
    expect(reached({ stage: 'ready' }, { stage: 'bootstrapped', gaveUp: true })).toBe(true);
  });
});

describe('countMachine()', () => {
  it('tells when the number of reached machines changes', () => {
    const tallies = tallied();
    const [machine] = machines();
    if (machine === undefined) throw new Error('The plan has no machine.');
    const connected: Machine = { ...machine, stage: 'connected' };
    expect(countMachine(tallies, machine, connected)).toBe(true);
    expect(countMachine(tallies, connected, { ...connected, stage: 'ready' })).toBe(false);
    expect(countMachine(tallies, undefined, { ...machine, service: 'unknown' })).toBe(false);
  });

  it('keeps the same counts as counting anew, whatever happens', () => {
    fc.assert(
      fc.property(histories, (facts) => {
        const state = emptyState(created);
        for (const fact of facts) {
          applyFact(state, fact, nothingTouched());
          expect(counts(state.tallies)).toEqual(counts(anew(state)));
        }
      }),
      { numRuns: 30 },
    );
  });
});

function anew({ plan, machines }: DeploymentState): Tallies {
  const tallies = emptyTallies();
  if (plan !== null) rebuildTallies(tallies, plan, machines.values());
  return tallies;
}

/** Levels that were left and levels that never were are the same to whoever counts. */
function counts({ services, levels, leaving }: Tallies): unknown {
  return { services, levels, leaving: new Map([...leaving].filter(([, { present }]) => present > 0)) };
}
