import type { Machine } from '../machine.ts';
import type { Mask } from '../mask.ts';
import { createMask } from '../mask.ts';
import type { Plan } from '../plan/plan.ts';
import { isSensitive } from '../sensitive.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Journal } from './journal.ts';

/** The values that must not be shown, as far as a script on a machine can know them. */
export interface Secrets {
  /** Hides sensitive inputs, sensitive outputs of the levels below, and the machine's own. */
  maskFor(machine: Machine): Mask;
  /** False when a sensitive input has no value here, so that nothing can hide it: no log may be copied. */
  readonly areKnown: boolean;
}

/** False when a sensitive input of a plan has no value here. */
export function secretsAreKnown({ inputs }: Pick<Plan, 'inputs'>): boolean {
  return Object.values(inputs).every(({ sensitive, value }) => !sensitive || value !== undefined);
}

export function createSecrets(plan: Plan, journal: Journal): Secrets {
  const inputs = Object.values(plan.inputs).filter(({ sensitive }) => sensitive);
  const base = createMask(inputs.flatMap(({ value }) => (value === undefined ? [] : [String(value)])));
  const levels = plan.levels.map(({ services }) =>
    services
      .filter(({ outputs }) => Object.values(outputs).some(({ sensitive }) => sensitive))
      .map(({ name }) => name),
  );
  const cache = new Map<number, { readonly version: string; readonly mask: Mask }>();

  function maskBelow(levelIndex: number): Mask {
    const services = levels.slice(0, levelIndex).flat();
    const version = services.map((name) => journal.version(name)).join(' ');
    const cached = cache.get(levelIndex);
    if (cached?.version === version) return cached.mask;
    const values: string[] = [];
    if (services.length > 0)
      for (const machine of journal.state.machines.values())
        if (services.includes(machine.service)) values.push(...sensitiveOutputs(machine));
    const mask = values.length === 0 ? base : base.with(values);
    cache.set(levelIndex, { version, mask });
    return mask;
  }

  return {
    maskFor(machine) {
      const level = plan.levels.find(({ name }) => name === machine.level);
      const mask = maskBelow(level?.index ?? plan.levels.length);
      const own = sensitiveOutputs(machine);
      return own.length === 0 ? mask : mask.with(own);
    },
    areKnown: secretsAreKnown(plan),
  };
}

/** Hides all sensitive inputs and outputs of a deployment; null when one of the inputs has no value here. */
export function maskOfAll(
  plan: Pick<Plan, 'inputs'>,
  { machines }: Pick<DeploymentState, 'machines'>,
): Mask | null {
  if (!secretsAreKnown(plan)) return null;
  const inputs = Object.values(plan.inputs).flatMap(({ sensitive, value }) =>
    sensitive && value !== undefined ? [String(value)] : [],
  );
  return createMask([...inputs, ...[...machines.values()].flatMap(sensitiveOutputs)]);
}

function sensitiveOutputs(machine: Machine): readonly string[] {
  return Object.values(machine.outputs).flatMap((value) => (isSensitive(value) ? [value.sensitive] : []));
}
