import { firstIndexes } from '../count.ts';
import type { CountOverride, FactBody } from '../fact.ts';
import type { Plan, Service } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** The plan with the numbers of machines that its services were scaled to. */
export function applyOverrides(plan: Plan, overrides: DeploymentState['overrides']): Plan {
  if (overrides.size === 0) return plan;
  const services = new Map(
    servicesOf(plan).map((service) => [service.name, overridden(service, overrides.get(service.name))]),
  );
  const own = (name: string): Service | undefined => services.get(name);
  return {
    ...plan,
    levels: plan.levels.map((level) => ({
      ...level,
      services: level.services.map((service) =>
        shared(own(service.name) ?? service, overrides.has(service.name), own),
      ),
    })),
  };
}

/** What is forgotten when this plan is recorded: overrides that it says itself, or has no service for. */
export function settledOverrides(plan: Plan, overrides: DeploymentState['overrides']): readonly FactBody[] {
  const services = new Map(servicesOf(plan).map((service) => [service.name, service]));
  return [...overrides].flatMap(([service, override]): readonly FactBody[] => {
    const planned = services.get(service);
    const isSettled =
      planned === undefined || isAsPlanned(override, { count: planned.planned ?? planned.count });
    return isSettled ? [{ type: 'count-overridden', service, override: null }] : [];
  });
}

/** `count` and `indexes` of a service are those of the plan here. */
export function isAsPlanned(
  { count, without }: CountOverride,
  { count: planned }: Pick<Service, 'count'>,
): boolean {
  return without.length === 0 && count.min === planned.min && count.max === planned.max;
}

function overridden(service: Service, override: CountOverride | undefined): Service {
  if (override === undefined || isAsPlanned(override, service)) return service;
  const { count, without } = override;
  return { ...service, count, indexes: firstIndexes(count.max, without), planned: service.count };
}

/** A service that shares machines, on those that there are now. */
function shared(service: Service, isScaled: boolean, own: (name: string) => Service | undefined): Service {
  const host = service.colocate === null ? undefined : own(service.colocate.service);
  if (service.colocate === null || host === undefined) return service;
  const colocate = { ...service.colocate, indexes: host.indexes };
  if (!colocate.follows || isScaled) return { ...service, colocate };
  return { ...service, colocate, count: host.count, indexes: host.indexes, planned: host.planned };
}
