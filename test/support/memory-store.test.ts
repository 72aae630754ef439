import { describe, expect, it, onTestFinished } from 'vitest';
import { LockedError } from '../../src/errors.ts';
import type { SourceEntry } from '../../src/sources.ts';
import { foldFacts } from '../../src/state/apply-fact.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import type { Store } from '../../src/state/store.ts';
import { created, historyOf } from '../state/histories.ts';
import { createDeployment, lock, record, temporaryDirectory } from '../state/stores.ts';
import { createMemoryDisk, openMemoryStore } from './memory-store.ts';

/** How to open stores on the same data, one after the other. */
type Opener = () => Promise<Store>;

function sqlite(): Opener {
  const directory = temporaryDirectory();
  return () => openSqliteStore(directory);
}

function memory(): Opener {
  const disk = createMemoryDisk();
  return () => Promise.resolve(openMemoryStore(disk));
}

/** Opened now, closed after the test. */
async function opened(open: Opener): Promise<Store> {
  const store = await open();
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

const all = { after: 0, limit: 1_000 };

describe.each([
  ['a store in memory', memory],
  ['a store in SQLite', sqlite],
] as const)('%s', (_, opener) => {
  it('answers what was recorded before it was opened', async () => {
    const open = opener();
    const facts = historyOf(Array.from({ length: 60 }, (_one, i) => i * 7));
    {
      await using store = await open();
      await using _lock = await lock(store, created.name);
      const state = await createDeployment(store, created.name, created.uuid);
      await record(store, state, facts.slice(1));
    }
    const store = await opened(open);
    const state = await store.load(created.name);
    expect(state).toEqual(foldFacts(facts));
    const events = await store.events(created.uuid, all);
    expect(events.map(({ fact }) => fact)).toEqual(facts);
    expect(await store.events(created.uuid, { after: events[0]?.number ?? 0, limit: 1 })).toEqual(
      events.slice(1, 2),
    );
    expect(await store.list()).toMatchObject([{ name: created.name, uuid: created.uuid }]);
    const { name, uuid, plan, instances, batches, scopes } = foldFacts(facts);
    expect(await store.ledger()).toEqual([
      {
        name,
        uuid,
        plan,
        instances: new Map([...instances.values()].map(({ id, provider }) => [id, provider])),
        batches: new Map([...batches.values()].map(({ token, provider }) => [token, provider])),
        scopes,
      },
    ]);
  });

  it('shares nothing with the state that was appended or loaded', async () => {
    const store = await opened(opener());
    await using _lock = await lock(store, 'stack');
    const state = await createDeployment(store, 'stack');
    state.scopes.set('never recorded', null);
    (await store.load('stack'))?.scopes.set('nor this', null);
    expect((await store.load('stack'))?.scopes.size).toBe(0);
  });

  it('has one holder of a name, until it lets go or is gone', async () => {
    const open = opener();
    const first = await open();
    const second = await opened(open);
    await lock(first, 'stack');
    await expect(lock(second, 'stack')).rejects.toThrow(LockedError);
    await first[Symbol.asyncDispose]();
    await using _lock = await lock(second, 'stack');
  });

  it('records nothing without the lock', async () => {
    const store = await opened(opener());
    await expect(createDeployment(store, 'stack')).rejects.toThrow('is not locked');
    expect(await store.load('stack')).toBeNull();
    expect(await store.list()).toEqual([]);
  });

  it('keeps sources by their content', async () => {
    const store = await opened(opener());
    const file = (text: string): SourceEntry => ({ kind: 'file', mode: 0o644, bytes: Buffer.from(text) });
    const one = await store.saveSources(new Map([['/plan.yml', file('one')]]));
    expect(await store.saveSources(new Map([['/plan.yml', file('one')]]))).toBe(one);
    expect(await store.saveSources(new Map([['/plan.yml', file('two')]]))).not.toBe(one);
    expect(await store.loadSources(one)).toEqual(new Map([['/plan.yml', file('one')]]));
  });
});
