import { createHash } from 'node:crypto';
import type { FactBody, StepFailure } from '../fact.ts';
import type { LaunchRequest } from '../providers/provider.ts';
import { launchMade } from './desired.ts';
import { knownLabels } from './known-labels.ts';
import { machineOf } from './perform/context.ts';
import type { PlanContext } from './plan-context.ts';
import type { Step } from './step.ts';

export type RequestStep = Extract<Step, { kind: 'request' }>;

/** The record of a launching call that is about to be made. Throws `TemplateError`. */
export function requested(
  step: RequestStep,
  complete: { readonly number: number; readonly request: LaunchRequest; readonly hostKey: string | null },
  context: PlanContext,
): FactBody {
  const { number, request, hostKey } = complete;
  const { state } = context.journal;
  const service = context.service(step.service);
  const token = createHash('sha256')
    .update(`${state.uuid} ${service.name} ${number}`)
    .digest('hex')
    .slice(0, 48);
  return {
    type: 'launch-requested',
    batch: {
      number,
      service: service.name,
      provider: service.provider,
      machines: step.machines.map((name) => ({
        name,
        generation: machineOf(context.journal, name).generation + 1,
      })),
      min: step.min,
      token,
      made: launchMade(service, step.machines, context),
      labels: knownLabels(request.labels, service, context.plan),
      request: { sensitive: JSON.stringify(request) },
      ...(hostKey !== null && { hostKey }),
    },
  };
}

/** None of the machines was asked for, and why. */
export function notRequested(
  step: RequestStep,
  failed: StepFailure,
  startedAt: number,
  { journal }: Pick<PlanContext, 'journal'>,
): readonly FactBody[] {
  return step.machines.map((name) => {
    const { generation, attempts } = machineOf(journal, name);
    const attempt = (attempts.launch ?? 0) + 1;
    return { type: 'step-failed', machine: name, generation, step: 'launch', attempt, startedAt, failed };
  });
}
