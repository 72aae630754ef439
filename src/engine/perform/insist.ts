import type { Clock } from '../../clock.ts';
import { ProviderError } from '../../providers/provider.ts';
import type { Cancel } from './context.ts';

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5_000;

/**
 * Asks a provider that cannot be asked again, with growing pauses and none shorter than it wants. Rejects with its
 * `ProviderError` when that is final, or still so after `timeout` milliseconds.
 */
export async function insist<T>(
  ask: () => Promise<T>,
  { clock, timeout }: { readonly clock: Clock; readonly timeout: number },
  cancel: Cancel,
): Promise<T> {
  const deadline = clock.now() + timeout;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ProviderError) || error.isFinal || clock.now() >= deadline) throw error;
      await clock.sleep(Math.max(pause, error.retryAfter ?? 0), cancel);
    }
  }
}
