import { openDockerEngine } from '../../docker-engine.ts';
import { locateDocker } from '../../docker-location.ts';
import { DockerError } from '../../docker-transport.ts';
import type { Surroundings } from '../../docker-location.ts';
import { createQueue } from '../../queue.ts';
import { ProviderError, unknownMachine } from '../provider.ts';
import type { Cancel, Observation, PowerAnswer, Provider } from '../provider.ts';
import { check } from './check.ts';
import { holdings, release, remove } from './holdings.ts';
import { createImages } from './image.ts';
import { inPortWords } from './in-port-words.ts';
import { launch } from './launch.ts';
import { labelFilter, labelsOf, madeName } from './names.ts';
import { observe } from './observe.ts';
import { readOptions } from './options.ts';
import { label, power } from './power.ts';
import type { Power } from './power.ts';

export interface DockerProviderOptions {
  /** Where the engine listens; null: as the environment says. */
  readonly host: string | null;
  /** Name of a context of the `docker` command, or null. */
  readonly context: string | null;
  /** What an earlier `prepare` of the deployment answered; null: none did. */
  readonly place: string | null;
  readonly surroundings?: Surroundings;
}

const BATCH_LIMIT = 100;
const POLL_INTERVAL = 200;
/** Calls at the same time; an engine serves more of them more slowly. */
const CALLS = 8;

/** Machines are containers. Rejects with `UsageError` when it is not said where the engine is. */
export async function createDockerProvider(options: DockerProviderOptions): Promise<Provider> {
  const engine = openDockerEngine(await locateDocker(options, options.surroundings));
  const queue = createQueue(CALLS);
  const images = createImages(engine);
  /** Containers that are being stopped or restarted: they look as if their command had ended. */
  const busy = new Map<string, Observation['state']>();
  let place: string | undefined;

  /** Another engine knows nothing of the machines: they would be taken for gone. */
  async function here(cancel: Cancel): Promise<string> {
    place ??= await engine.identity(cancel);
    if (options.place === null || options.place === place) return place;
    throw new ProviderError(
      `Cannot use the container engine at "${engine.address}": it is the ${place}, the machines are on the ${options.place}\nSet DOCKER_HOST or the context as it was at the launch.`,
      { isFinal: true },
    );
  }

  /** A call that is about machines that may be there. */
  function onMachines<Arguments extends readonly unknown[], Answer>(
    method: (...all: readonly [...Arguments, Cancel]) => Promise<Answer>,
  ): (...all: readonly [...Arguments, Cancel]) => Promise<Answer> {
    return inPortWords(async (...all: readonly [...Arguments, Cancel]) => {
      await here(all.at(-1) as Cancel);
      return await method(...all);
    });
  }

  async function each<Item>(
    items: Iterable<readonly [string, Item]>,
    cancel: Cancel,
    answer: (id: string, item: Item) => Promise<PowerAnswer>,
  ): Promise<ReadonlyMap<string, PowerAnswer>> {
    return new Map(
      await Promise.all(
        [...items].map(([id, item]) => queue.run(async () => [id, await answer(id, item)] as const, cancel)),
      ),
    );
  }

  function change(verb: Power): Provider['stop'] {
    return onMachines((ids: readonly string[], cancel: Cancel) =>
      each(
        ids.map((id) => [id, verb] as const),
        cancel,
        async (id) => {
          if (verb === 'stop' || verb === 'reboot') busy.set(id, verb === 'stop' ? 'stopping' : 'pending');
          try {
            return await power(engine, verb, id, cancel);
          } finally {
            busy.delete(id);
          }
        },
      ),
    );
  }

  async function look(wanted: readonly string[], cancel: Cancel, ids?: ReadonlySet<string>) {
    const containers = await engine.containers(wanted, cancel);
    return await Promise.all(
      containers
        .filter(({ id }) => ids?.has(id) ?? true)
        .map(async (container) => {
          const seen = await observe(engine, container, cancel);
          const state = busy.get(seen.id);
          return state === undefined || seen.state === 'running' ? seen : { ...seen, state, reason: null };
        }),
    );
  }

  return {
    type: 'docker',
    keepsMachines: false,
    batchLimit: BATCH_LIMIT,
    pollInterval: POLL_INTERVAL,
    consistencyDelay: 0,
    apiCalls: engine.calls,
    check: inPortWords(async (previews, cancel) => {
      const found = await check(engine, previews, cancel);
      if (found.every(({ service }) => service !== null)) await here(cancel);
      return found;
    }),
    prepare: inPortWords(async (tags, _requests, cancel) => {
      const answer = await here(cancel);
      const name = madeName(tags);
      if ((await engine.networks(labelFilter({ uuid: tags.uuid }), cancel)).length > 0) return answer;
      try {
        await engine.createNetwork(name, labelsOf(tags), cancel);
      } catch (error) {
        if (!(error instanceof DockerError && error.status === 409)) throw error;
        // Somebody else made it a moment ago, or it is not ours.
        if ((await engine.networks(labelFilter({ uuid: tags.uuid }), cancel)).length === 0) throw error;
      }
      return answer;
    }),
    release: onMachines((tags, cancel) => release(engine, tags, cancel)),
    resolve: inPortWords(async (request, cancel) => {
      const read = readOptions(request);
      if (read.kind === 'problem') return { kind: 'refused', message: read.message, retryAfter: null };
      const found = await images.get(read.options, request.tags, cancel);
      if (found.kind === 'refused') return found;
      return { kind: 'resolved', request: { ...request, resolved: { ...found.image } }, hostKey: null };
    }),
    launch: onMachines((batch, cancel) => launch(engine, queue, batch, cancel)),
    describe: onMachines(async (ids, cancel) => {
      if (ids.length === 0) return new Map();
      const seen = new Map(
        (await look(labelFilter({}), cancel, new Set(ids))).map((one) => [one.id, one] as const),
      );
      return new Map(ids.map((id) => [id, seen.get(id) ?? unknownMachine(id)]));
    }),
    terminate: change('terminate'),
    stop: change('stop'),
    start: change('start'),
    reboot: change('reboot'),
    label: onMachines((changes, cancel) =>
      each(changes, cancel, (id, wanted) => label(engine, id, wanted, cancel)),
    ),
    list: onMachines(async (tags, cancel) =>
      (await look(labelFilter(tags), cancel)).filter(({ state }) => state !== 'terminated'),
    ),
    holdings: inPortWords((cancel) => holdings(engine, cancel)),
    remove: inPortWords((wanted, cancel) => remove(engine, queue, wanted, cancel)),
    close() {
      engine.close();
      return Promise.resolve();
    },
  };
}
