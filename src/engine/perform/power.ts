import type { PowerAnswer } from '../../providers/provider.ts';
import type { Cancel, PerformContext } from './context.ts';

export interface PowerRequest {
  readonly verb: 'start' | 'stop' | 'reboot';
  readonly id: string;
  /** A provider's name. */
  readonly provider: string;
  /** Milliseconds for which a machine between two states is asked again. */
  readonly timeout: number;
}

/** Has a provider do something to one machine, asked again for as long as the machine is between two states. */
export async function power(
  { verb, id, provider: name, timeout }: PowerRequest,
  context: PerformContext,
  cancel: Cancel,
): Promise<{ readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly why: string }> {
  const { clock } = context.wiring;
  const provider = context.provider(name);
  const begun = clock.now();
  for (;;) {
    const answers = await context.calls(name).run(() => provider[verb]([id], cancel), cancel);
    const answer: PowerAnswer = answers.get(id) ?? { kind: 'cannot', why: 'the provider gave no answer' };
    if (answer.kind === 'accepted') return answer;
    if (answer.kind === 'cannot' || clock.now() - begun >= timeout)
      return { kind: 'refused', why: answer.why };
    await clock.sleep(provider.pollInterval, cancel);
  }
}
