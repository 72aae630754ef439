import { setTimeout as delay } from 'node:timers/promises';

import { NO_SUCH_MACHINE, unknownMachine } from '../provider.ts';
import type { Cancel, LaunchRequest, PowerAnswer, Provider, ProviderProblem } from '../provider.ts';
import { ensureStateKey } from '../state-key.ts';
import type { Power } from './control.ts';
import { createHostClient } from './host-client.ts';
import { hostScript } from './host-process.ts';
import { readOptions } from './options.ts';

export interface LocalProviderOptions {
  /** Absolute path. */
  readonly stateDirectory: string;
  /** What `prepare` answers: null unless the machines belong to another state directory than their deployment. */
  readonly place?: string | null;
  /** The caller's environment: what scripts on machines get of it is `PATH` and what tells language, time zone and temporary directory. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Program of the host process. */
  readonly hostScript?: string;
}

const INHERITED = /^(?:PATH|LANG|LC_[A-Z]+|TZ|TMPDIR)$/;
const SHORTEST_POLL = 50;
const LONGEST_POLL = 1_000;

/** Machines on this computer: see `docs/architecture.md`. There is no isolation between them. */
export function createLocalProvider(options: LocalProviderOptions): Provider {
  const { stateDirectory } = options;
  const environment = inherited(options.environment ?? process.env);
  const client = createHostClient(stateDirectory, options.hostScript ?? hostScript());
  let described = 0;

  async function power(
    verb: Power,
    ids: readonly string[],
    cancel: Cancel,
  ): Promise<ReadonlyMap<string, PowerAnswer>> {
    const answers = await client.askIfHosted({ kind: 'power', power: verb, ids }, cancel);
    if (answers !== undefined) return new Map(answers);
    const answer: PowerAnswer = verb === 'terminate' ? { kind: 'accepted' } : NO_SUCH_MACHINE;
    return new Map(ids.map((id) => [id, answer]));
  }

  return {
    type: 'local',
    keepsMachines: false,
    batchLimit: 1_000,
    consistencyDelay: 0,
    /** A look at many machines costs more than one at few. */
    get pollInterval() {
      return Math.min(LONGEST_POLL, Math.max(SHORTEST_POLL, described / 4));
    },
    apiCalls: new Map(),
    check: (previews) => Promise.resolve(previews.flatMap(({ request }) => problemsOf(request))),
    resolve: (request) => Promise.resolve({ kind: 'resolved', request, hostKey: null }),
    /** The key pair, and the host process, which ends by itself when no machine comes. */
    async prepare(_tags, _requests, cancel) {
      cancel.signal.throwIfAborted();
      ensureStateKey(stateDirectory);
      await client.ask({ kind: 'remaining' }, cancel);
      return options.place ?? null;
    },
    async release(tags, cancel) {
      for (;;) {
        const machines = await client.askIfHosted({ kind: 'list', tags }, cancel);
        if (machines === undefined) return;
        if (machines.length === 0) break;
        await delay(SHORTEST_POLL, undefined, { signal: cancel.signal });
      }
      const remaining = await client.askIfHosted({ kind: 'remaining' }, cancel);
      if (remaining?.machines === 0 && remaining.clients === 1) await client.outlast(cancel);
    },
    launch: (batch, cancel) => client.ask({ kind: 'launch', batch, environment }, cancel),
    async describe(ids, cancel) {
      described = ids.length;
      const answers = await client.askIfHosted({ kind: 'describe', ids }, cancel);
      return new Map(
        (answers ?? ids.map(unknownMachine)).map((observation) => [observation.id, observation]),
      );
    },
    terminate: (ids, cancel) => power('terminate', ids, cancel),
    async label(changes, cancel) {
      const answers = await client.askIfHosted({ kind: 'label', changes: [...changes] }, cancel);
      return new Map(answers ?? [...changes.keys()].map((id) => [id, NO_SUCH_MACHINE] as const));
    },
    async expire(ids, expiresAt, cancel) {
      const answers = await client.askIfHosted({ kind: 'expire', ids, expiresAt }, cancel);
      return new Map(answers ?? ids.map((id) => [id, NO_SUCH_MACHINE] as const));
    },
    stop: (ids, cancel) => power('stop', ids, cancel),
    start: (ids, cancel) => power('start', ids, cancel),
    reboot: (ids, cancel) => power('reboot', ids, cancel),
    list: async (tags, cancel) => (await client.askIfHosted({ kind: 'list', tags }, cancel)) ?? [],
    holdings: async (cancel) => (await client.askIfHosted({ kind: 'holdings' }, cancel)) ?? [],
    async remove(holdings, cancel) {
      const ids = holdings.map(({ id }) => id);
      const answers = await power('terminate', ids, cancel);
      for (;;) {
        const seen = await client.askIfHosted({ kind: 'describe', ids }, cancel);
        if (!(seen ?? []).some(({ state }) => state !== 'terminated' && state !== 'unknown')) return answers;
        await delay(SHORTEST_POLL, undefined, { signal: cancel.signal });
      }
    },
    close() {
      client.close();
      return Promise.resolve();
    },
  };
}

function problemsOf(request: LaunchRequest): readonly ProviderProblem[] {
  const read = readOptions(request);
  return read.kind === 'problem'
    ? [{ service: request.service, message: read.message, hint: read.hint }]
    : [];
}

function inherited(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      INHERITED.test(name) && value !== undefined ? [[name, value]] : [],
    ),
  );
}
