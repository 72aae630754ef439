import { spellDuration } from '../../duration.ts';
import type { Observation } from '../../providers/provider.ts';
import { ProviderError } from '../../providers/provider.ts';
import type { PerformContext, StepCancel } from './context.ts';

/**
 * Milliseconds after which an instance that lives on is ended once more: a provider that did not know it yet when it
 * was asked took it for gone.
 */
const REPEAT = 5_000;

/** Waits until a provider that was asked to end instances confirms it. Answers, by id, why one is not gone; null: it is. */
export async function untilGone(
  providerName: string,
  ids: readonly string[],
  { deadline, timeout }: { readonly deadline: number; readonly timeout: number },
  context: PerformContext,
  cancel: StepCancel,
): Promise<ReadonlyMap<string, string | null>> {
  const { clock } = context.wiring;
  const watch = context.watch(providerName);
  const late = new Set<string>();
  let repeating: Promise<ReadonlyMap<string, string>> | null = null;

  /** All that one poll shows to live on are in one call. */
  function repeat(id: string): Promise<ReadonlyMap<string, string>> {
    late.add(id);
    repeating ??= Promise.resolve().then(async () => {
      const all = [...late];
      late.clear();
      repeating = null;
      return endAgain(providerName, all, context, cancel);
    });
    return repeating;
  }

  async function problemOf(id: string): Promise<string | null> {
    for (;;) {
      const askedAt = clock.now();
      const livesOn = (seen: Observation): boolean => !isEnding(seen) && clock.now() - askedAt >= REPEAT;
      const end = await watch.wait(id, {
        until: (seen) => isGone(seen) || livesOn(seen),
        timeout: Math.max(0, deadline - askedAt),
        signal: cancel.signal,
      });
      if (end.kind === 'timeout') {
        // Of a machine that nobody could look at nothing is known that speaks for its living on.
        if (end.lastError !== null) return `whether it is gone cannot be asked: ${end.lastError}`;
        return `it is not gone after ${spellDuration(timeout)}: the provider says "${end.last?.state ?? 'unknown'}"`;
      }
      if (isGone(end.observation)) return null;
      const refused = (await repeat(id)).get(id);
      if (refused !== undefined) return refused;
    }
  }

  return new Map(await Promise.all(ids.map(async (id) => [id, await problemOf(id)] as const)));
}

/** Answers why those that cannot end cannot; that it cannot be asked now is for the next time. */
async function endAgain(
  providerName: string,
  ids: readonly string[],
  context: PerformContext,
  cancel: StepCancel,
): Promise<ReadonlyMap<string, string>> {
  try {
    const answers = await context
      .calls(providerName)
      .run(() => context.provider(providerName).terminate(ids, { signal: cancel.lenient }), cancel);
    return new Map(
      [...answers].flatMap(([id, answer]) => (answer.kind === 'cannot' ? [[id, answer.why] as const] : [])),
    );
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return new Map();
  }
}

function isGone({ state }: Observation): boolean {
  return state === 'terminated' || state === 'unknown';
}

/** `unknown` is gone, or new: time tells. */
function isEnding({ state }: Observation): boolean {
  return state === 'terminating' || state === 'terminated' || state === 'unknown';
}
