import type { PowerAnswer } from '../../providers/provider.ts';
import type { Cancel, PerformContext } from './context.ts';
import type { Gather } from './gather.ts';
import { createGather } from './gather.ts';
import { insist } from './insist.ts';

export interface PowerRequest {
  readonly verb: 'start' | 'stop' | 'reboot';
  readonly id: string;
  /** A provider's name. */
  readonly provider: string;
  /** Milliseconds for which a machine between two states, and a provider that cannot be asked, are asked again. */
  readonly timeout: number;
}

type Ask = Gather<string, ReadonlyMap<string, PowerAnswer>>;

const ASKS: Readonly<Record<PowerRequest['verb'], Ask>> = {
  start: createGather(),
  stop: createGather(),
  reboot: createGather(),
};

/**
 * Has a provider do something to one machine, asked again for as long as the machine is between two states. All
 * machines for which that begins within a turn share the calls. Rejects with `ProviderError` when the provider cannot
 * be asked.
 */
export async function power(
  { verb, id, provider: name, timeout }: PowerRequest,
  context: PerformContext,
  cancel: Cancel,
): Promise<{ readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly why: string }> {
  const { clock } = context.wiring;
  const provider = context.provider(name);
  const deadline = clock.now() + timeout;
  for (;;) {
    const answers = await insist(
      () => ASKS[verb](context.calls(name), id, (ids, shared) => provider[verb](ids, shared), cancel),
      { clock, timeout: deadline - clock.now() },
      cancel,
    );
    const answer: PowerAnswer = answers.get(id) ?? { kind: 'cannot', why: 'the provider gave no answer' };
    if (answer.kind === 'accepted') return answer;
    if (answer.kind === 'cannot' || clock.now() >= deadline) return { kind: 'refused', why: answer.why };
    await clock.sleep(provider.pollInterval, cancel);
  }
}
