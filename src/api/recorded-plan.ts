import type { PlanReader } from '../engine/retired.ts';
import { fileSources } from '../plan/file-sources.ts';
import type { Resolved, ResolveRequest } from '../plan/load.ts';
import { readPlan, resolvePlan } from '../plan/load.ts';
import type { PlanSource } from '../machine.ts';
import { UsageError } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import type { Sources } from '../sources.ts';
import { archivedSources } from '../sources.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { providersOf } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import { loadDeployment } from './deployments.ts';
import type { InputOptions, InputSource } from './given-inputs.ts';
import { givenInputs, inputSource, planOf } from './given-inputs.ts';
import type { Session } from './session.ts';

/** A plan as the deployment keeps it. Files of inputs are read from where they are. */
export async function readRecordedPlan(
  store: Pick<Store, 'loadSources'>,
  state: DeploymentState,
  source: PlanSource,
  { inputs: given, ...needed }: Pick<ResolveRequest, 'need' | 'providers'> & { readonly inputs: InputSource },
): Promise<Resolved> {
  const archive = archivedSources(await store.loadSources(source.archive));
  const inputs = givenInputs(given, state.plan?.inputs ?? {});
  const files = fileSources();
  const sources: Sources = {
    read: (path) => archive.read(path) ?? (inputs.files.includes(path) ? files.read(path) : undefined),
  };
  return resolvePlan(readPlan(source.path, sources), { deployment: state.name, inputs, ...needed });
}

/** Names of the providers that have something of the deployment, or made something for it. */
export function providersUsed(state: DeploymentState): readonly string[] {
  return [...new Set([...state.scopes.keys(), ...providersOf(state)])];
}

/** Reads plans of machines that a later plan has no service for; null for one whose inputs are not given any more. */
export function planReader(
  store: Pick<Store, 'load' | 'loadSources'>,
  deployment: string,
  inputs: InputSource,
): PlanReader {
  return async (source) => {
    const state = await store.load(deployment);
    if (state === null) return null;
    const needed = { inputs, need: 'teardown', providers: providersUsed(state) } as const;
    return (await readRecordedPlan(store, state, source, needed)).plan;
  };
}

/** A deployment, its plan as it is kept, and where the values of its inputs come from. */
export interface LivePlan {
  readonly state: DeploymentState;
  readonly plan: Plan;
  readonly inputs: InputSource;
}

/** A deployment and its plan as it is kept, with all inputs that its scripts need, or fewer. Throws `UsageError`. */
export async function livePlan(
  session: Pick<Session, 'cwd' | 'environment'>,
  store: Pick<Store, 'load' | 'list' | 'loadSources'>,
  name: string,
  options: InputOptions,
  need: ResolveRequest['need'] = 'all',
): Promise<LivePlan> {
  const inputs = inputSource(session, options);
  const state = await loadDeployment(store, name);
  if (state.plan === null) throw new UsageError(`Cannot use "${state.name}": no plan is recorded of it`);
  const needed = { inputs, need, providers: need === 'all' ? undefined : providersUsed(state) };
  const resolved = await readRecordedPlan(store, state, state.plan, needed);
  return { state, plan: planOf({ ...resolved, warnings: [] }), inputs };
}
