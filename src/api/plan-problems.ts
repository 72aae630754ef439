import { UsageError } from '../errors.ts';
import type { Problem } from '../plan/diagnostic.ts';
import { formatProblems } from '../plan/diagnostic.ts';

export type { Problem } from '../plan/diagnostic.ts';
export { formatProblems } from '../plan/diagnostic.ts';

/** A plan cannot be used. The message shows every problem; nothing was touched. */
export class PlanProblems extends UsageError {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];

  constructor(problems: readonly Problem[], warnings: readonly Problem[]) {
    const count = problems.length === 1 ? 'is a problem' : `are ${problems.length} problems`;
    super(`${formatProblems(problems)}\nCannot use the plan: there ${count}. Nothing was touched.`);
    this.problems = problems;
    this.warnings = warnings;
  }
}
