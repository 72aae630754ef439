import { sharedProvider } from '../colocation.ts';
import type { Problem } from './diagnostic.ts';
import type { Draft, DraftService } from './draft.ts';
import { keyOf, servicesOf } from './draft.ts';
import { didYouMean } from '../nearest.ts';
import { child, scalarOf } from './node.ts';
import type { Level, Service } from './plan.ts';
import { quoted } from './problems.ts';
import { PROVIDER_TYPES } from './provider-types.ts';
import { problemAt } from './text-file.ts';

/** What a service that launches no machine has no use for. */
const FOREIGN: readonly (readonly [key: string, part?: string])[] = [
  ['provider'],
  ['image'],
  ['ssh'],
  ['labels'],
  ...PROVIDER_TYPES.map((type): readonly [string] => [type]),
  ['timeouts', 'launch'],
  ['timeouts', 'connect'],
  ['attempts', 'launch'],
];

/**
 * Lets services that are colocated share the machines of the service at the root of their chain. `counts`: problems that
 * inputs may bring about.
 */
export function colocate(
  draft: Draft,
  levels: readonly Level[],
): {
  readonly levels: readonly Level[];
  readonly problems: readonly Problem[];
  readonly counts: readonly Problem[];
} {
  const drafts = new Map(servicesOf(draft).map((service) => [service.name, service]));
  const read = new Map(levels.flatMap(({ services }) => services.map((one) => [one.name, one])));
  const problems: Problem[] = [];
  const counts: Problem[] = [];
  const shared = levels.map((level): Level => ({
    ...level,
    services: level.services.map((service) => {
      const written = drafts.get(service.name);
      if (written === undefined || targetOf(written) === undefined) return service;
      problems.push(...foreignKeys(written));
      const root = rootOf(written, drafts, problems);
      const host = root && read.get(root.name);
      if (host === undefined) return service;
      const sharer = sharing(service, written, host);
      counts.push(...countProblems(sharer, written, host));
      return sharer;
    }),
  }));
  return { levels: shared, problems, counts };
}

function countProblems({ count }: Service, written: DraftService, host: Service): readonly Problem[] {
  const node = scalarOf(keyOf(written, 'colocate'));
  if (node === undefined || host.count.max > 0 || count.max === 0) return [];
  const message = `Cannot share the machines of ${quoted(node.text)}: ${quoted(host.name)} has a count of 0`;
  return [problemAt(node.place, message, 'Give this service a count of 0 too, or leave its count out.')];
}

function targetOf(service: DraftService): string | undefined {
  return scalarOf(keyOf(service, 'colocate'))?.text;
}

function sharing(service: Service, written: DraftService, host: Service): Service {
  const follows = keyOf(written, 'count') === undefined;
  const { count, indexes } = follows ? host : service;
  return {
    ...service,
    provider: sharedProvider(host.provider),
    count,
    indexes,
    colocate: { service: host.name, indexes: host.indexes, follows },
    image: null,
    options: {},
    ssh: {},
    labels: {},
    // A machine is reached as its owner says.
    timeouts: { ...service.timeouts, launch: host.timeouts.launch, connect: host.timeouts.connect },
    launchesOneByOne: true,
    hostKeyByProvider: false,
  };
}

/** The service of the chain that has machines of its own; undefined where there is none, which is a problem. */
function rootOf(
  service: DraftService,
  drafts: ReadonlyMap<string, DraftService>,
  problems: Problem[],
): DraftService | undefined {
  const node = scalarOf(keyOf(service, 'colocate'));
  const seen = new Set([service.name]);
  let at = service;
  for (let name = targetOf(at); name !== undefined; name = targetOf(at)) {
    const next = drafts.get(name);
    const wrong =
      next === undefined
        ? 'there is no service of that name'
        : seen.has(name)
          ? 'it comes back to itself'
          : next.levelIndex > service.levelIndex
            ? `it is of the later level ${quoted(next.level)}`
            : null;
    if (next === undefined || wrong !== null) {
      if (node !== undefined) {
        const hint = next === undefined ? didYouMean(name, drafts.keys()) : null;
        problems.push(
          problemAt(node.place, `Cannot share the machines of ${quoted(name)}: ${wrong ?? ''}`, hint),
        );
      }
      return undefined;
    }
    seen.add(name);
    at = next;
  }
  return at;
}

function foreignKeys(service: DraftService): readonly Problem[] {
  return FOREIGN.flatMap(([key, part]) => {
    const value = service.own.entries.get(key)?.value;
    const node = part === undefined ? value : child(value, part);
    const name = part === undefined ? key : `${key}.${part}`;
    const why = `it shares the machines of ${quoted(targetOf(service) ?? '')}, and launches none`;
    return node === undefined ? [] : [problemAt(node.place, `Cannot use ${quoted(name)} here: ${why}`)];
  });
}
