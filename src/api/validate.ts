import { resolve } from 'node:path';
import type { Problem } from '../plan/diagnostic.ts';
import { fileSources } from '../plan/file-sources.ts';
import { readPlan, resolvePlan } from '../plan/load.ts';
import type { Session } from './session.ts';

/** What is wrong with a plan, and what may be. */
export interface Validation {
  /** The path as it was given. */
  readonly plan: string;
  /** True when there are no problems. */
  readonly valid: boolean;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Checks plans, without values of inputs. Touches nothing, never throws. */
export function validatePlan(
  { cwd, environment }: Pick<Session, 'cwd' | 'environment'>,
  plan: string,
): Validation {
  const document = readPlan(resolve(cwd, plan), fileSources());
  const inputs = { flags: [], files: [], recorded: {}, env: environment };
  const { problems, warnings } = resolvePlan(document, { deployment: null, inputs, need: 'none' });
  return { plan, valid: problems.length === 0, problems, warnings };
}
