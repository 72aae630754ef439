import type { Plan, Service } from '../plan/plan.ts';
import { referencesOf } from '../plan/template.ts';
import { MASK } from '../sensitive.ts';

/** The labels of a request as they may be recorded: one that a sensitive input is part of is known by its key alone. */
export function knownLabels(
  labels: Readonly<Record<string, string>>,
  service: Pick<Service, 'labels'>,
  { inputs }: Pick<Plan, 'inputs'>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(service.labels).flatMap(([key, template]) => {
      const value = labels[key];
      if (value === undefined) return [];
      const isSecret = [...referencesOf(template).inputs].some((name) => inputs[name]?.sensitive === true);
      return [[key, isSecret ? MASK : value]];
    }),
  );
}
