import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type {
  InstanceState,
  LaunchBatch,
  Observation,
  Provider,
  Tags,
} from '../../src/providers/provider.ts';
import { itWhere } from '../support/applying.ts';

/** What a provider's test tells the contract suite. */
export interface ContractSubject {
  readonly provider: Provider;
  /** A second one with the same configuration, as another command would open it. */
  openAnother(): Promise<Provider>;
  /** A batch that the provider can launch, under a token and tags of the suite's. */
  batch(token: string, count: number, tags: Tags): LaunchBatch;
  /** Ends what the factory began. */
  dispose(): Promise<void>;
}

const LIMIT = 60_000;

/** What an emulator of a provider's service may lack, so that nothing can be said of it. */
export type Lack =
  /** Idempotency tokens: a repeated launch launches again. */
  | 'tokens'
  /** Positions of machines in their batch. */
  | 'positions'
  /** Addresses that last over a stop and a start. */
  | 'addresses';

/** What `provider.ts` promises, as a suite that runs against every provider. */
export function testProviderContract(
  name: string,
  open: () => Promise<ContractSubject>,
  lacks: ReadonlySet<Lack> = new Set(),
): void {
  describe(`${name} keeps the provider contract`, () => {
    let subject: ContractSubject;
    let provider: Provider;
    const cancel = { signal: AbortSignal.timeout(LIMIT * 5) };
    const tags: Tags = { deployment: 'contract', uuid: 'uuid-contract', owner: 'suite', state: 'here' };
    const other: Tags = { ...tags, uuid: 'uuid-other' };

    beforeAll(async () => {
      subject = await open();
      provider = subject.provider;
      for (const each of [tags, other])
        await provider.prepare(each, [subject.batch('prepare', 1, each).request], cancel);
    });
    afterAll(async () => {
      await subject.dispose();
    });

    const recorded = new Map<string, LaunchBatch>();

    /** As it would be recorded before the call: the same whenever it is asked for. */
    async function batchOf(token: string, count: number, withTags = tags): Promise<LaunchBatch> {
      const batch = subject.batch(token, count, withTags);
      const resolution = await provider.resolve(batch.request, cancel);
      if (resolution.kind === 'refused') throw new Error(resolution.message);
      const known = recorded.get(token) ?? { ...batch, request: resolution.request };
      recorded.set(token, known);
      return known;
    }

    async function launch(token: string, count: number, withTags = tags): Promise<readonly string[]> {
      const answer = await provider.launch(await batchOf(token, count, withTags), cancel);
      if (answer.kind === 'refused') throw new Error(answer.message);
      return answer.ids.filter((id) => id !== null);
    }

    async function look(id: string): Promise<Observation> {
      const found = await provider.describe([id], cancel);
      const observation = found.get(id);
      if (observation === undefined) throw new Error(`Cannot find "${id}" in the answer`);
      return observation;
    }

    async function until(id: string, ...states: readonly InstanceState[]): Promise<Observation> {
      const deadline = Date.now() + LIMIT;
      for (;;) {
        const observation = await look(id);
        if (states.includes(observation.state)) return observation;
        if (Date.now() > deadline) throw new Error(`Cannot wait for "${id}": it is ${observation.state}`);
        await delay(provider.pollInterval);
      }
    }

    async function end(ids: readonly string[]): Promise<void> {
      await provider.terminate(ids, cancel);
      for (const id of ids) await until(id, 'terminated', 'unknown');
    }

    it('tells limits that make sense', () => {
      expect(provider.batchLimit).toBeGreaterThan(0);
      expect(provider.pollInterval).toBeGreaterThan(0);
      expect(provider.consistencyDelay).toBeGreaterThanOrEqual(0);
    });

    it('prepares again without effect', async () => {
      const requests = [subject.batch('prepare', 1, tags).request];
      const place = await provider.prepare(tags, requests, cancel);
      expect(await provider.prepare(tags, requests, cancel)).toBe(place);
    });

    it('finds nothing wrong with a good request', async () => {
      const { request } = subject.batch('check', 1, tags);
      expect(await provider.check([{ request, min: 1, max: 1 }], cancel)).toEqual([]);
    });

    it('launches a batch: ids in order, each of its batch and index, with addresses and access once it runs', async () => {
      const count = lacks.has('positions') ? 1 : 3;
      const ids = await launch('launch', count);
      expect(new Set(ids).size).toBe(count);
      for (const [index, id] of ids.entries()) {
        const observation = await until(id, 'running');
        expect(observation.batch).toEqual({ token: 'launch', index });
        expect(observation.addresses?.hostname).toMatch(/./);
        expect(observation.access).not.toBeNull();
      }
      await end(ids);
    });

    itWhere(!lacks.has('tokens'))(
      'launches nothing twice under one token, asked again or at the same time',
      async () => {
        const [first, again] = await Promise.all([launch('repeat', 2), launch('repeat', 2)]);
        expect(again).toEqual(first);
        expect(await launch('repeat', 2)).toEqual(first);
        expect(await provider.list(tags, cancel)).toHaveLength(2);
        await end(first);
      },
    );

    itWhere(!lacks.has('tokens'))('lets another command adopt a batch by its token', async () => {
      const ids = await launch('adopt', 2);
      const another = await subject.openAnother();
      const answer = await another.launch(await batchOf('adopt', 2), cancel);
      expect(answer).toMatchObject({ kind: 'launched', ids });
      const listed = await another.list(tags, cancel);
      expect(listed.map(({ batch }) => batch)).toEqual(
        expect.arrayContaining([
          { token: 'adopt', index: 0 },
          { token: 'adopt', index: 1 },
        ]),
      );
      await another.close();
      await end(ids);
    });

    it('lists what carries all the given tags', async () => {
      const [mine = ''] = await launch('list-mine', 1);
      const [theirs = ''] = await launch('list-theirs', 1, other);
      const ids = async (wanted: Partial<Tags>): Promise<readonly string[]> =>
        (await provider.list(wanted, cancel)).map(({ id }) => id).toSorted();
      expect(await ids(tags)).toEqual([mine]);
      expect(await ids(other)).toEqual([theirs]);
      expect(await ids({ owner: 'suite', state: 'here' })).toEqual([mine, theirs].toSorted());
      expect(await ids({ owner: 'nobody' })).toEqual([]);
      await end([mine, theirs]);
      expect(await ids({ owner: 'suite', state: 'here' })).toEqual([]);
    });

    it('terminates twice and what was never there', async () => {
      const [id = ''] = await launch('terminate', 1);
      expect(await provider.terminate([id], cancel)).toEqual(new Map([[id, { kind: 'accepted' }]]));
      expect(['terminating', 'terminated', 'unknown']).toContain((await look(id)).state);
      expect((await provider.terminate([id, 'no-such-id'], cancel)).get(id)).toEqual({ kind: 'accepted' });
      await until(id, 'terminated', 'unknown');
      expect((await provider.terminate([id], cancel)).get(id)).toEqual({ kind: 'accepted' });
    });

    it('describes an id that it does not know as unknown, among others too', async () => {
      const [id = ''] = await launch('unknown', 1);
      await until(id, 'running');
      const found = await provider.describe(['no-such-id', id], cancel);
      expect(found.get('no-such-id')).toMatchObject({ id: 'no-such-id', state: 'unknown', batch: null });
      expect(found.get(id)?.state).toBe('running');
      expect(await provider.describe([], cancel)).toEqual(new Map());
      await end([id]);
    });

    it('stops, starts and reboots a machine under the same access, or says that it cannot', async () => {
      const [id = ''] = await launch('power', 1);
      const reached = ({ access }: Observation): unknown =>
        lacks.has('addresses') ? { ...access, host: null } : access;
      const before = reached(await until(id, 'running'));
      const stopped = (await provider.stop([id], cancel)).get(id);
      if (stopped?.kind === 'accepted') {
        await until(id, 'stopped');
        expect((await provider.stop([id], cancel)).get(id)).toEqual({ kind: 'accepted' });
        expect((await provider.start([id], cancel)).get(id)).toEqual({ kind: 'accepted' });
        expect(reached(await until(id, 'running'))).toEqual(before);
        expect((await provider.start([id], cancel)).get(id)).toEqual({ kind: 'accepted' });
        expect((await provider.reboot([id], cancel)).get(id)).toEqual({ kind: 'accepted' });
        expect(reached(await until(id, 'running'))).toEqual(before);
      } else {
        expect(stopped?.kind === 'cannot' && stopped.why).toMatch(/./);
      }
      await end([id]);
    });

    it('cannot stop, start or reboot what is not there', async () => {
      for (const verb of ['stop', 'start', 'reboot'] as const) {
        const answer = (await provider[verb](['no-such-id'], cancel)).get('no-such-id');
        expect(answer?.kind).toBe('cannot');
      }
    });

    it('rejects with the reason of a signal that is aborted', async () => {
      const reason = new Error('interrupted');
      const aborted = { signal: AbortSignal.abort(reason) };
      await expect(provider.describe(['x'], aborted)).rejects.toBe(reason);
      await expect(provider.list(tags, aborted)).rejects.toBe(reason);
      await expect(provider.terminate(['x'], aborted)).rejects.toBe(reason);
      const batch = await batchOf('aborted', 1);
      await expect(provider.launch(batch, aborted)).rejects.toBe(reason);
      expect(await provider.list({}, cancel)).toEqual([]);
    });

    it('releases what is gone, and again', async () => {
      for (const each of [tags, tags, other]) await provider.release(each, cancel);
      expect(await provider.list(tags, cancel)).toEqual([]);
      expect(await provider.holdings(cancel)).toEqual([]);
    });
  });
}
