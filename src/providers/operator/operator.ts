import { setTimeout as delay } from 'node:timers/promises';

import type { Clock } from '../../clock.ts';
import { systemClock } from '../../clock.ts';
import type { Cancel, LabelChange, Observation, PowerAnswer, Provider } from '../provider.ts';
import { carriesTags, NO_SUCH_MACHINE, unknownMachine } from '../provider.ts';
import { openDirectories } from './directories.ts';
import { problemsOf, requestProblems } from './problems.ts';
import { endProcesses } from './processes.ts';
import { isDirectoryId, recordsOf } from './record.ts';
import type { DirectoryRecord } from './record.ts';

export interface OperatorProviderOptions {
  /** Absolute path. */
  readonly stateDirectory: string;
  /** What `prepare` answers: null unless the machines belong to another state directory than their deployment. */
  readonly place?: string | null;
  readonly clock?: Pick<Clock, 'now'>;
}

const POLL = 50;
const LOOPBACK = '127.0.0.1';
const ACCEPTED: PowerAnswer = { kind: 'accepted' };

/**
 * The computer that `plan` runs on. A machine is a work directory under `operator/` of the state directory, and runs for
 * as long as that is there; terminating it ends what its scripts left running, as it does on machines.
 */
export function createOperatorProvider({
  stateDirectory,
  place = null,
  clock = systemClock,
}: OperatorProviderOptions): Provider {
  const directories = openDirectories(stateDirectory);

  function observe({ id, batch }: DirectoryRecord): Observation {
    return {
      id,
      state: 'running',
      reason: null,
      addresses: { hostname: LOOPBACK, address: LOOPBACK, privateIp: LOOPBACK, publicIp: null },
      access: { kind: 'process', directory: directories.pathOf(id) },
      batch,
    };
  }

  async function terminate(
    ids: readonly string[],
    cancel: Cancel,
  ): Promise<ReadonlyMap<string, PowerAnswer>> {
    return await each(ids, cancel, async (id) => {
      if (!isDirectoryId(id)) return ACCEPTED;
      const [left] = await endProcesses(directories.pathOf(id), cancel);
      if (left !== undefined) return { kind: 'not-yet', why: `process ${left} of its scripts does not end` };
      await directories.remove(id);
      return ACCEPTED;
    });
  }

  async function power(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>> {
    return await each(ids, cancel, async (id) =>
      (await directories.find(id)) ? cannot('it is the computer that plan runs on') : NO_SUCH_MACHINE,
    );
  }

  async function relabel(id: string, { set, remove }: LabelChange): Promise<PowerAnswer> {
    const record = await directories.find(id);
    if (record === undefined) return NO_SUCH_MACHINE;
    const kept = Object.entries(record.labels).filter(([key]) => !remove.includes(key));
    await directories.save({ ...record, labels: { ...Object.fromEntries(kept), ...set } });
    return ACCEPTED;
  }

  return {
    type: 'operator',
    keepsMachines: false,
    batchLimit: 100,
    pollInterval: POLL,
    consistencyDelay: 0,
    apiCalls: new Map(),
    check: (previews) => Promise.resolve(previews.flatMap(problemsOf)),
    prepare(_tags, _requests, cancel) {
      cancel.signal.throwIfAborted();
      return Promise.resolve(place);
    },
    async release(tags, { signal }) {
      signal.throwIfAborted();
      while ((await directories.all()).some((record) => carriesTags(record.tags, tags)))
        await delay(POLL, undefined, { signal });
      await directories.tidy();
    },
    resolve: (request) => Promise.resolve({ kind: 'resolved', request, hostKey: null }),
    async launch(batch, { signal }) {
      signal.throwIfAborted();
      const [problem] = requestProblems(batch.request);
      if (problem !== undefined) return { kind: 'refused', message: problem.message, retryAfter: null };
      const records = recordsOf(batch, clock.now());
      for (const record of records) await directories.claim(record);
      return { kind: 'launched', ids: records.map(({ id }) => id), whyFewer: null };
    },
    async describe(ids, { signal }) {
      signal.throwIfAborted();
      const found = await Promise.all(
        ids.map(async (id) => {
          const record = await directories.find(id);
          return [id, record === undefined ? unknownMachine(id) : observe(record)] as const;
        }),
      );
      return new Map(found);
    },
    terminate,
    label: (changes, cancel) =>
      each([...changes.keys()], cancel, (id) => relabel(id, changes.get(id) ?? { set: {}, remove: [] })),
    stop: power,
    start: power,
    reboot: power,
    async list(tags, { signal }) {
      signal.throwIfAborted();
      return (await directories.all()).filter((record) => carriesTags(record.tags, tags)).map(observe);
    },
    async holdings({ signal }) {
      signal.throwIfAborted();
      return (await directories.all()).map(({ id, name, tags, batch, launchedAt }) => ({
        kind: 'machine',
        id,
        name,
        tags,
        token: batch.token,
        since: launchedAt,
      }));
    },
    remove: (holdings, cancel) =>
      terminate(
        holdings.map(({ id }) => id),
        cancel,
      ),
    close: () => Promise.resolve(),
  };
}

function cannot(why: string): PowerAnswer {
  return { kind: 'cannot', why };
}

async function each(
  ids: readonly string[],
  { signal }: Cancel,
  answer: (id: string) => Promise<PowerAnswer>,
): Promise<ReadonlyMap<string, PowerAnswer>> {
  const answers = new Map<string, PowerAnswer>();
  for (const id of ids) {
    signal.throwIfAborted();
    answers.set(id, await answer(id));
  }
  return answers;
}
