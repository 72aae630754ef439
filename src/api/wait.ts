import { systemClock } from '../clock.ts';
import type { OperationRecord } from '../fact.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { LockHolder } from '../state/store.ts';
import { loadDeployment, openForReading } from './deployments.ts';
import type { Selector } from './select.ts';
import { select } from './select.ts';
import type { Session } from './session.ts';
import type { AwaitedMachine, WaitGoal } from './wait-goal.ts';
import { awaitedMachines, isReached } from './wait-goal.ts';

export type { AwaitedMachine, WaitGoal } from './wait-goal.ts';
export { WAIT_GOALS } from './wait-goal.ts';

export interface WaitOptions {
  /** What all of them are to be; `failed`: until one of them has. */
  readonly for: WaitGoal;
  /** The machines that are meant, chosen once at the beginning. Default: the deployment as a whole. */
  readonly selector?: Selector | undefined;
  /** Milliseconds. Default: as long as it can come. */
  readonly timeout?: number | undefined;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface WaitResult {
  /**
   * `over`: it cannot come any more, because no operation is under way (or the record is gone) and they are not there.
   */
  readonly end: 'reached' | 'timeout' | 'over';
  /** As they were then, in the order of the plan. */
  readonly machines: readonly AwaitedMachine[];
  /** As it was then; null: its record is gone. */
  readonly state: DeploymentState | null;
  /** The latest operation; null: there was none. */
  readonly operation: OperationRecord | null;
}

/** Milliseconds between two looks. */
const INTERVAL = 250;
/** Milliseconds for which the next operation may begin after one is over, before it is said that nothing can come. */
const GRACE = 2_000;

/** Reads what is recorded, and nothing else, until machines are what they are waited for to be. */
export async function waitFor(
  { directory }: Session,
  name: string,
  { for: goal, selector, timeout = Infinity, signal }: WaitOptions & { readonly signal: AbortSignal },
): Promise<WaitResult> {
  await using store = await openForReading(directory);
  const began = systemClock.now();
  const first = await loadDeployment(store, name);
  const names = selector === undefined ? null : chosen(selector, first, goal);
  let last: Omit<WaitResult, 'end'> = seen(first);
  let idleSince: number | null = null;
  for (;;) {
    signal.throwIfAborted();
    const looked = systemClock.now();
    // First, so that what is recorded before the lock is given back is seen by the look that comes after it.
    const holder = await store.holder(name);
    const state = await store.load(name);
    if (state === null) return { ...last, end: goal === 'terminated' ? 'reached' : 'over', state };
    last = seen(state);
    const isBusy = isUnderWay(holder, state);
    // Of a deployment as a whole the operation has to be over too: it may be about to change what is there.
    const isHeld = names === null && goal !== 'failed' && isBusy;
    const whole = { state, isWhole: names === null };
    if (!isHeld && isReached(goal, last.machines, whole)) return { ...last, end: 'reached' };
    const now = systemClock.now();
    idleSince = isBusy ? null : (idleSince ?? now);
    if (idleSince !== null && now - idleSince >= GRACE) return { ...last, end: 'over' };
    const left = began + timeout - now;
    if (left <= 0) return { ...last, end: 'timeout' };
    // A look at a very large deployment takes its time, and is made less often.
    const pause = Math.max(INTERVAL, 2 * (now - looked));
    await systemClock.sleep(Math.min(pause, left), { signal });
  }

  function seen(state: DeploymentState): Omit<WaitResult, 'end'> {
    return { machines: awaitedMachines(state, names, goal), state, operation: state.operation };
  }
}

/** Those that are gone and that the plan does not ask for any more can only be waited for to be terminated. */
function chosen(selector: Selector, state: DeploymentState, goal: WaitGoal): readonly string[] {
  return select(selector, state, { gone: true }).filter((name) => {
    const machine = state.machines.get(name);
    return goal === 'terminated' || machine?.wanted === true || machine?.stage !== 'gone';
  });
}

/** Somebody has the lock: an operation is at work, or about to begin or to end. */
function isUnderWay(holder: LockHolder | null, { operation }: DeploymentState): boolean {
  if (holder?.presence === 'elsewhere') return operation?.endedAt === null;
  return holder?.presence === 'alive';
}
