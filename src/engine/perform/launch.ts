import type { Batch, FactBody, StepFailure } from '../../fact.ts';
import { reveal } from '../../sensitive.ts';
import type { LaunchRefusal, LaunchRequest } from '../../providers/provider.ts';
import { ProviderError } from '../../providers/provider.ts';
import type { Cancel, PerformContext, StepCancel } from './context.ts';
import { failureOf, machineOf, messageOf } from './context.ts';
import { isMakingRoom, ROOM_PAUSE } from './making-room.ts';

/** Makes the launching call of a recorded batch, or repeats it: its token makes both the same. */
export async function launch(
  number: number,
  context: PerformContext,
  cancel: StepCancel,
): Promise<readonly FactBody[]> {
  const batch = batchOf(number, context);
  const provider = context.provider(batch.provider);
  for (const { name } of batch.machines)
    context.tell({
      type: 'step-began',
      machine: name,
      step: 'launch',
      attempt: machineOf(context.journal, name).attempts.launch ?? 1,
    });
  const { token, machines, min } = batch;
  const request = JSON.parse(reveal(batch.request)) as LaunchRequest;
  // Of the time of the call: what has ended since could not help it.
  const mayFindRoom = isMakingRoom(batch.provider, context);
  try {
    const answer = await context
      .calls(batch.provider)
      .run(() => provider.launch({ token, machines, min, request }, { signal: cancel.lenient }), cancel);
    if (answer.kind === 'refused') {
      const failed = refusal(batch, { ...answer, mayFindRoom }, context);
      return [{ type: 'launch-refused', batch: number, failed, ...freeIf(answer.elsewhere, mayFindRoom) }];
    }
    const { ids, again = { retryAfter: null } } = answer;
    const isShort = ids.includes(null) || ids.length < machines.length;
    if (!isShort) return [{ type: 'launch-answered', batch: number, ids, shortfall: null }];
    const message = answer.whyFewer ?? 'the provider gave fewer machines than were asked for';
    const shortfall = refusal(batch, { ...again, message, mayFindRoom }, context);
    const isFree = freeIf(again.elsewhere, mayFindRoom);
    return [{ type: 'launch-answered', batch: number, ids, shortfall, ...isFree }];
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    // Whether it launched is unknown: the batch stays open and is repeated under its token, now or by the next `up`.
    const failed = refusal(batch, { message: error.message, retryAfter: error.retryAfter }, context);
    return stillOpen(batch, failed, context);
  }
}

/** Milliseconds for which a provider that cannot be asked is asked again, beyond its consistency delay, and between. */
const PATIENCE = 60_000;
const RETRY_PAUSE = 1_000;

/** Looks a batch up by its token and never launches: what is found is adopted, what is not does not exist. */
export async function find(
  number: number,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  const batch = batchOf(number, context);
  const provider = context.provider(batch.provider);
  const { name, uuid } = context.journal.state;
  const { clock } = context.wiring;
  const begun = clock.now();
  for (;;) {
    // Of the time of the question, because an answer that is long on its way shows what was before.
    const askedAt = clock.now();
    let pause = provider.pollInterval;
    try {
      const found = await context
        .calls(batch.provider)
        .run(() => provider.list({ deployment: name, uuid }, cancel), cancel);
      const ids = batch.machines.map((_, i) => {
        const match = found.find((one) => one.batch?.token === batch.token && one.batch.index === i);
        return match?.id ?? null;
      });
      if (askedAt >= begun + provider.consistencyDelay || !ids.includes(null))
        return [{ type: 'launch-answered', batch: number, ids, shortfall: null }];
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      if (error.isFinal || clock.now() - begun >= provider.consistencyDelay + PATIENCE) {
        const message = `Cannot tell whether it was launched: ${messageOf(error)}`;
        const failed = { failure: failureOf('terminate', 'error', message), gaveUp: true, retryAt: null };
        return stillOpen(batch, failed, context);
      }
      pause = Math.max(RETRY_PAUSE, error.retryAfter ?? 0);
    }
    await clock.sleep(pause, cancel);
  }
}

function batchOf(number: number, context: PerformContext): Batch {
  const batch = context.journal.state.batches.get(number);
  if (batch === undefined) throw new Error(`Batch ${number} is not open. This is a bug in plan.`);
  return batch;
}

/** A launch that did not happen, and whether the machines' remaining tries are worth it. */
function refusal(
  batch: Batch,
  answer: Omit<LaunchRefusal, 'kind'> & { readonly mayFindRoom?: boolean },
  context: PerformContext,
): StepFailure {
  const allowed = context.service(batch.service).attempts.launch;
  const tries = Math.max(
    ...batch.machines.map(({ name }) => machineOf(context.journal, name).tries.launch ?? 1),
  );
  const { elsewhere = false, mayFindRoom = false, retryAfter } = answer;
  const again = elsewhere || mayFindRoom || (retryAfter !== null && tries < allowed);
  const pause = retryAfter ?? (mayFindRoom && !elsewhere ? ROOM_PAUSE : 0);
  return {
    failure: failureOf('launch', 'refused', `Cannot launch: ${answer.message}`),
    gaveUp: !again,
    retryAt: again ? context.wiring.clock.now() + pause : null,
  };
}

/** What is asked for elsewhere next, or once there is room, does not count as a try. */
function freeIf(elsewhere = false, mayFindRoom = false): { readonly isFree?: true } {
  return elsewhere || mayFindRoom ? { isFree: true } : {};
}

/** The batch has no answer yet; each such call counts as a try. */
function stillOpen(batch: Batch, failed: StepFailure, context: PerformContext): readonly FactBody[] {
  const startedAt = context.wiring.clock.now();
  const { step } = failed.failure;
  return batch.machines.map(({ name, generation }) => {
    const attempt = (machineOf(context.journal, name).attempts[step] ?? 0) + 1;
    return { type: 'step-failed', machine: name, generation, step, attempt, startedAt, failed };
  });
}
