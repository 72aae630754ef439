import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runTrial, trials } from '../support/trial.ts';

const CASES = Number(process.env['PLAN_CASES'] ?? 2_000);
/** Printed with a failure. */
const SEED = process.env['PLAN_SEED'];

describe('whatever a cloud does, and wherever plan is killed,', () => {
  it(
    'no machine is without a record, no level starts early, no ready machine is harmed, a second up does nothing, and down ends with nothing left',
    { timeout: 600_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(trials, async (trial) => {
          expect(await runTrial(trial)).toEqual([]);
        }),
        { numRuns: CASES, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
      );
    },
  );
});
