import { resolve } from 'node:path';
import type { Scalar } from '../json.ts';
import type { GivenInputs, Resolved } from '../plan/load.ts';
import type { Plan } from '../plan/plan.ts';
import { PlanProblems } from './plan-problems.ts';
import type { Environment, Session } from './session.ts';

/** Values of a plan's inputs by name, or texts `name=value` of which the last one of a name wins. */
export type Inputs = Readonly<Record<string, Scalar>> | readonly string[];

/** Values of inputs: `inputs` win over `inputFiles`, these over what a deployment was given before. */
export interface InputOptions {
  readonly inputs?: Inputs | undefined;
  /** Paths of YAML files of inputs, absolute or relative to `cwd`; the last one wins. */
  readonly inputFiles?: readonly string[] | undefined;
}

/** Where the values of inputs come from, but for what a deployment was given before. */
export interface InputSource {
  /** `name=value`. */
  readonly flags: readonly string[];
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly env: Environment;
}

export function inputSource(
  { cwd, environment }: Pick<Session, 'cwd' | 'environment'>,
  { inputs = [], inputFiles = [] }: InputOptions,
): InputSource {
  return {
    flags: isTexts(inputs)
      ? inputs
      : Object.entries(inputs).map(([name, value]) => `${name}=${String(value)}`),
    files: inputFiles.map((file) => resolve(cwd, file)),
    env: environment,
  };
}

function isTexts(inputs: Inputs): inputs is readonly string[] {
  return Array.isArray(inputs);
}

/** `recorded`: what the deployment was given before. */
export function givenInputs(
  { flags, files, env }: InputSource,
  recorded: Readonly<Record<string, string>>,
): GivenInputs {
  return { flags, files, recorded, env };
}

/** The plan. Throws `PlanProblems` when there are any. */
export function planOf({ plan, problems, warnings }: Resolved): Plan {
  if (plan === null) throw new PlanProblems(problems, warnings);
  return plan;
}
