import { UsageError } from '../errors.ts';
import type { OperationKind } from '../fact.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** The time of a deployment is over. `now`: epoch milliseconds. */
export function isOver({ expiresAt }: Pick<DeploymentState, 'expiresAt'>, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** An `up` sets another end before, or refuses by itself. */
const GO_ON: ReadonlySet<OperationKind> = new Set(['up', 'down', 'stop', 'extend']);

/** Throws `UsageError` for an operation that has machines of a deployment whose time is over. */
export function refuseOver(kind: OperationKind, { name, expiresAt }: DeploymentState, now: number): void {
  if (expiresAt === null || expiresAt > now || GO_ON.has(kind)) return;
  throw new UsageError(
    `Cannot ${kind} "${name}": its time is over since ${new Date(expiresAt).toISOString()}`,
    'Give it more with plan extend or plan up --ttl, or take it down.',
  );
}
