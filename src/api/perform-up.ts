import type { OperationResult } from '../engine/operation.ts';
import { up } from '../engine/up.ts';
import { inputSource } from './given-inputs.ts';
import { formatProblems } from '../plan/diagnostic.ts';
import { emptyState } from '../state/deployment-state.ts';
import { mustLast } from './lifetime.ts';
import type { OperationTools } from './operation.ts';
import type { Planned } from './planned.ts';
import { planReader } from './recorded-plan.ts';
import type { Session } from './session.ts';
import { withWiring } from './wiring.ts';

export interface UpOptions {
  /**
   * False: only ask for the machines that the lowest level still lacks that is not ready as the plan says, until their
   * providers have given or refused them. Another `up` goes on from there. Default: true.
   */
  readonly wait?: boolean | undefined;
  /** Milliseconds from now to the end of the deployment, in place of what the plan says; null: it has none. */
  readonly ttl?: number | null | undefined;
}

/** Brings a deployment to what its plan says. Rejects as the engine's `up` does. */
export async function performUp(
  session: Session,
  { plan, request }: Pick<Planned, 'plan' | 'request'>,
  { ttl, wait }: UpOptions,
  tools: OperationTools,
): Promise<OperationResult> {
  if (typeof ttl === 'number') mustLast(ttl);
  const inputs = inputSource(session, request);
  return await withWiring(session, tools, (wiring) => {
    const readPlan = planReader(wiring.store, plan.deployment, inputs);
    const { adopt = false, forceProtected } = request;
    return up(wiring, { plan, adopt, ttl, wait, forceProtected, readPlan }, tools);
  });
}

/** Tells the plan's warnings as events of an operation; a deployment that there is not yet has an empty state. */
export function tellWarnings({ plan, state, warnings }: Planned, { emit }: OperationTools): void {
  const before = state ?? emptyState({ name: plan.deployment, uuid: '', at: 0 });
  for (const warning of warnings)
    emit({ type: 'warning', message: formatProblems([warning]).trimEnd() }, before);
}
