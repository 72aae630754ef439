import type { FactBody, StepFailure } from '../../fact.ts';
import { TemplateError } from '../../plan/template.ts';
import type { LaunchRefusal } from '../../providers/provider.ts';
import { ProviderError } from '../../providers/provider.ts';
import { launchRequest } from '../launch-request.ts';
import type { RequestStep } from '../request-facts.ts';
import { notRequested, requested } from '../request-facts.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { isMakingRoom, ROOM_PAUSE } from './making-room.ts';

/** Has the provider complete what a service asks for: what is recorded then is all that the launching call says. */
export async function request(
  step: RequestStep,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  const service = context.service(step.service);
  const provider = context.provider(service.provider);
  const startedAt = context.wiring.clock.now();
  const mayFindRoom = isMakingRoom(service.provider, context);
  try {
    const wanted = launchRequest(service, step.machines, context);
    const resolution = await context
      .calls(service.provider)
      .run(() => provider.resolve(wanted, cancel), cancel);
    if (resolution.kind === 'refused')
      return notRequested(step, failedBy({ ...resolution, mayFindRoom }, step, context), startedAt, context);
    const number = context.journal.nextBatch();
    return [requested(step, { number, ...resolution }, context)];
  } catch (error) {
    if (error instanceof TemplateError) {
      const failure = failureOf('launch', 'template', error.message);
      return notRequested(step, { failure, gaveUp: true, retryAt: null }, startedAt, context);
    }
    if (!(error instanceof ProviderError)) throw error;
    return notRequested(step, failedBy(error, step, context), startedAt, context);
  }
}

function failedBy(
  {
    message,
    retryAfter,
    mayFindRoom = false,
  }: Pick<LaunchRefusal, 'message' | 'retryAfter'> & { readonly mayFindRoom?: boolean },
  step: RequestStep,
  context: PerformContext,
): StepFailure {
  const allowed = context.service(step.service).attempts.launch;
  const tries = step.machines.map((name) => machineOf(context.journal, name).tries.launch ?? 0);
  const again = mayFindRoom || (retryAfter !== null && Math.max(...tries) + 1 < allowed);
  return {
    failure: failureOf('launch', 'refused', `Cannot launch: ${message}`),
    gaveUp: !again,
    retryAt: again ? context.wiring.clock.now() + (retryAfter ?? ROOM_PAUSE) : null,
  };
}
