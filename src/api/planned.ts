import { resolve } from 'node:path';
import type { Forecast } from '../engine/difference.ts';
import { UsageError } from '../errors.ts';
import type { Problem } from '../plan/diagnostic.ts';
import { fileSources } from '../plan/file-sources.ts';
import { readPlan, resolvePlan } from '../plan/load.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { withStore } from './deployments.ts';
import { displayPath } from './display-path.ts';
import { foretell } from './foretell.ts';
import type { InputOptions } from './given-inputs.ts';
import { givenInputs, inputSource, planOf } from './given-inputs.ts';
import type { Session } from './session.ts';

export type { Plan } from '../plan/plan.ts';

/** Which deployment a plan is for, and the values of its inputs. */
export interface PlanRequest extends InputOptions {
  /** The deployment's name. Default: the plan's own. */
  readonly name?: string | undefined;
  /** Take over a live deployment of this name that another plan file made. Default: false. */
  readonly adopt?: boolean | undefined;
  /** Terminate and replace machines of protected services too. Default: false. */
  readonly forceProtected?: boolean | undefined;
}

/** A plan, the deployment that it is for, and what the one would make of the other. */
export interface Planned {
  /** `plan.deployment` is the deployment's name, `plan.name` the plan's own. */
  readonly plan: Plan;
  /** The deployment as it was then; null: there is no such deployment yet. */
  readonly state: DeploymentState | null;
  readonly warnings: readonly Problem[];
  readonly forecast: Forecast;
  /** What it was asked for with. */
  readonly request: PlanRequest;
}

/** Reads a plan and the state, and changes neither. Throws `UsageError`, with problems `PlanProblems`. */
export async function readPlanned(session: Session, file: string, request: PlanRequest): Promise<Planned> {
  const path = resolve(session.cwd, file);
  const document = readPlan(path, fileSources());
  const name = request.name === undefined ? null : deploymentName(request.name);
  const source = inputSource(session, request);
  return await withStore(session.directory, async (store) => {
    const known = name ?? document.name;
    const state = known === null ? null : await store.load(known);
    const inputs = givenInputs(source, recordedInputs(session, path, request, state));
    const resolved = resolvePlan(document, { deployment: name, inputs, need: 'all' });
    const plan = planOf(resolved);
    const { warnings } = resolved;
    return {
      plan,
      state,
      warnings,
      forecast: await foretell(store, { plan, state, inputs: source }),
      request,
    };
  });
}

const NAME = /^[a-z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/;

function deploymentName(name: string): string {
  if (NAME.test(name) && name.length <= 40) return name;
  throw new UsageError(
    `Cannot name the deployment "${name}": it is not a name`,
    'A name begins with a small letter, goes on with letters, digits and inner dashes, and has at most 40 characters.',
  );
}

/** What the deployment was given before, by this plan. Refuses to give it to another plan unnoticed. */
function recordedInputs(
  { cwd }: Session,
  path: string,
  { adopt = false }: PlanRequest,
  state: DeploymentState | null,
): Readonly<Record<string, string>> {
  if (state?.plan == null) return {};
  if (adopt || state.plan.path === path) return state.plan.inputs;
  if (state.instances.size === 0 && state.batches.size === 0) return {};
  throw new UsageError(
    `Cannot apply the plan to "${state.name}": it is live, and "${displayPath(state.plan.path, cwd)}" made it`,
    'Add --name for a deployment of its own, or --adopt to take this one over.',
  );
}
