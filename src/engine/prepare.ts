import { OperationError } from '../errors.ts';
import { machineName } from '../machine.ts';
import type { Plan, Service } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { LaunchPreview, LaunchRequest } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { providersOf } from '../state/deployment-state.ts';
import { launchRequest } from './launch-request.ts';
import { rendered } from './rendered.ts';
import type { Running } from './run-operation.ts';
import { tagsOf } from './tags.ts';

/** Asks every provider for the problems that can be seen before a launch. Throws `OperationError` with all of them. */
export async function check({ providers, context, journal, signal }: Running, plan: Plan): Promise<void> {
  const previews = new Map<string, LaunchPreview[]>();
  for (const service of servicesOf(plan).filter(({ colocate }) => colocate === null)) {
    const unlaunched = unlaunchedOf(service, journal.state);
    const [first] = unlaunched;
    if (first === undefined) continue;
    const request = launchRequest(service, [first], context);
    const max = unlaunched.length;
    const min = Math.max(0, service.count.min - (service.count.max - max));
    previews.set(service.provider, [...(previews.get(service.provider) ?? []), { request, min, max }]);
  }
  const found: string[] = [];
  for (const [name, ofProvider] of previews) {
    for (const { service, message, hint } of await providers.get(name).check(ofProvider, { signal })) {
      const where = service === null ? `Provider "${name}"` : `Service "${service}"`;
      found.push(`${where}: ${message}${hint === null ? '' : `\n  ${hint}`}`);
    }
  }
  if (found.length > 0)
    throw new OperationError(`Cannot launch:\n${found.join('\n')}`, 'Nothing was launched.');
}

function unlaunchedOf({ name, indexes }: Service, { machines }: DeploymentState): readonly string[] {
  const names = indexes.map((index) => machineName(name, index));
  return names.filter((machine) => machines.get(machine)?.stage === 'none');
}

/** What machines need beside themselves; recorded first, so that the way down removes it whatever happens. */
export async function prepare(running: Running, plan: Plan): Promise<void> {
  const services = servicesOf(plan).filter(({ count, colocate }) => count.max > 0 && colocate === null);
  for (const provider of new Set(services.map((service) => service.provider))) {
    const requests = services
      .filter((service) => service.provider === provider)
      .map((service) => requestOf(service, running));
    await prepareFor(provider, requests, running);
  }
}

/**
 * The same for the providers of machines that are to be torn down, which may have to be told of the address that they
 * are reached from. What goes wrong is told, and a machine that cannot be reached says so itself.
 */
export async function prepareTeardowns(running: Running, plan: Plan): Promise<void> {
  const there = providersOf(running.journal.state);
  const services = servicesOf(plan).filter(
    ({ provider, teardown, colocate }) => teardown !== null && colocate === null && there.has(provider),
  );
  for (const provider of new Set(services.map((service) => service.provider))) {
    // The way down asks for inputs of teardown scripts only, so that some may be missing.
    const requests = services.flatMap((service) =>
      service.provider === provider ? (rendered(() => requestOf(service, running)) ?? []) : [],
    );
    if (requests.length === 0) continue;
    try {
      await prepareFor(provider, requests, running);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      const message = `Cannot prepare provider "${provider}" for teardowns: ${error.message}`;
      running.context.tell({ type: 'warning', message });
    }
  }
}

function requestOf(service: Service, { context }: Running): LaunchRequest {
  return launchRequest(service, [machineName(service.name, service.indexes[0] ?? 0)], context);
}

async function prepareFor(
  provider: string,
  requests: readonly LaunchRequest[],
  { providers, context, journal, signal }: Running,
): Promise<void> {
  const { scopes } = journal.state;
  if (!scopes.has(provider)) await journal.commit([{ type: 'scope-prepared', provider }]);
  const tags = tagsOf(journal.state, context.wiring);
  const place = await providers.get(provider).prepare(tags, requests, { signal });
  if (place !== (scopes.get(provider) ?? null))
    await journal.commit([{ type: 'scope-prepared', provider, place }]);
}
