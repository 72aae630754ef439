import type { FactBody } from '../fact.ts';
import type { Machine, Parts } from '../machine.ts';
import { bootstrapParts, verifyParts } from './made.ts';
import { machineOf } from './perform/context.ts';
import type { PlanContext } from './plan-context.ts';
import { rendered } from './rendered.ts';
import type { Decision } from './step.ts';

/** The facts that a decision amounts to. */
export function factsOf(decision: Decision, context: PlanContext): readonly FactBody[] {
  const { journal } = context;
  switch (decision.kind) {
    case 'skip':
      return decision.machines.map((name) => {
        const machine = machineOf(journal, name);
        const { generation, attempts } = machine;
        const attempt = (attempts[decision.step] ?? 0) + 1;
        const startedAt = context.wiring.clock.now();
        return {
          type: 'step-succeeded',
          machine: name,
          generation,
          step: decision.step,
          attempt,
          startedAt,
          skipped: true,
          ...madeWithout(decision.step, machine, context),
        };
      });
    case 'revise': {
      const { machine, to, cause } = decision.revision;
      if (to === 'label') return [];
      const { generation } = machineOf(journal, machine);
      return [{ type: 'machine-revised', machine, generation, to, cause }];
    }
    case 'halt':
      return decision.machines.map((name) => {
        const { generation } = machineOf(journal, name);
        return { type: 'machine-stopped', machine: name, generation };
      });
    case 'condemn': {
      const { name, generation, cause } = machineOf(journal, decision.machine);
      return [
        { type: 'instance-condemned', machine: name, generation, cause: cause ?? 'it is to be replaced' },
      ];
    }
    case 'retire':
      return [{ type: 'terminate-requested', machines: decision.machines }];
    case 'drop':
      return [{ type: 'machines-dropped', machines: decision.machines }];
    case 'give-up': {
      const { name, generation, attempts } = machineOf(journal, decision.machine);
      const { failure } = decision;
      const attempt = attempts[failure.step] ?? 0;
      const failed = { failure, gaveUp: true, retryAt: null };
      const startedAt = context.wiring.clock.now();
      return [
        { type: 'step-failed', machine: name, generation, step: failure.step, attempt, startedAt, failed },
      ];
    }
  }
}

/** What a step that has nothing to do would have been performed with: so that it is seen when there is something. */
function madeWithout(
  step: 'bootstrap' | 'verify' | 'teardown',
  machine: Machine,
  context: PlanContext,
): { readonly made?: Parts } {
  if (step === 'teardown') return {};
  const { scopes, wiring } = context;
  const service = context.service(machine.service);
  const print = (text: string): string => wiring.store.fingerprint(text);
  // What cannot be rendered is of no consequence to a step that renders nothing.
  const made = rendered(() =>
    step === 'verify'
      ? verifyParts(service, scopes.ready(service, machine), print)
      : bootstrapParts(service, scopes.bootstrap(service, machine), print),
  );
  return made === null ? {} : { made };
}
