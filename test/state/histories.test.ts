import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyFact } from '../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../src/state/deployment-state.ts';
import { created, histories } from './histories.ts';

describe('histories', () => {
  it('have every kind of fact and bring machines to every stage', () => {
    const types = new Set<string>();
    const stages = new Set<string>();
    let kept = 0;
    for (const facts of fc.sample(histories, { numRuns: 1_500, seed: 1 })) {
      const state = emptyState(created);
      for (const fact of facts) {
        applyFact(state, fact, nothingTouched());
        types.add(fact.type);
        for (const { stage } of state.machines.values()) stages.add(stage);
        for (const instance of state.instances.values()) kept += Number(instance.kept);
      }
    }
    expect([...types].sort()).toHaveLength(24);
    expect([...stages].sort()).toHaveLength(13);
    expect(kept).toBeGreaterThan(0);
  });
});
