import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LockedError, OperationError } from '../../src/errors.ts';
import type { PlanRecord } from '../../src/fact.ts';
import type { SourceEntry } from '../../src/sources.ts';
import { openDatabase } from '../../src/state/database.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import type { Store } from '../../src/state/store.ts';
import { createDeployment, filesBelow, lock, record, temporaryDirectory } from './stores.ts';

function sources(...texts: readonly string[]): ReadonlyMap<string, SourceEntry> {
  return new Map(
    texts.map((text, i) => [`/plan/${i}`, { kind: 'file', mode: 0o644, bytes: Buffer.from(text) }]),
  );
}

function planOf(archive: string): PlanRecord {
  const services = [{ name: 'web', provider: 'local', min: 1, max: 1 }];
  return {
    digest: 'd',
    path: '/plan/0',
    name: 'p',
    inputs: {},
    archive,
    levels: [{ name: 'only', services }],
  };
}

/** A deployment of a plan that was read from these texts, its one machine dropped. */
async function ended(store: Store, name: string, ...texts: readonly string[]): Promise<DeploymentState> {
  const state = await createDeployment(store, name);
  const archive = await store.saveSources(sources(...texts));
  await record(store, state, [
    { type: 'plan-recorded', plan: planOf(archive), at: 2 },
    { type: 'machines-dropped', machines: ['web-0'], at: 3 },
  ]);
  return state;
}

function count(directory: string, table: string): number {
  const db = openDatabase(join(directory, 'state.db'));
  const found = db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get();
  db.close();
  return found ?? -1;
}

describe('Store.purge()', () => {
  it('removes a deployment with all of its records, its logs, and the files of its plan that no other needs', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    for (const [name, own] of [
      ['one', 'only in one'],
      ['other', 'only in other'],
    ] as const) {
      await using _lock = await lock(store, name);
      await ended(store, name, own, 'in both');
    }
    for (const name of ['one-one-uuid', 'other-other-uu']) {
      mkdirSync(join(directory, 'logs', name, 'web-0'), { recursive: true });
      writeFileSync(join(directory, 'logs', name, 'web-0/1-bootstrap-1.log'), 'text');
    }
    await using _lock = await lock(store, 'one');
    await store.purge('one');
    expect(await store.load('one')).toBeNull();
    expect((await store.list()).map(({ name }) => name)).toEqual(['other']);
    const counts = ['deployments', 'facts', 'machines', 'instances', 'batches', 'archives', 'blobs'].map(
      (table) => [table, count(directory, table)],
    );
    expect(Object.fromEntries(counts)).toEqual({
      deployments: 1,
      facts: 3,
      machines: 1,
      instances: 0,
      batches: 0,
      archives: 1,
      blobs: 2,
    });
    expect(existsSync(join(directory, 'logs/one-one-uuid'))).toBe(false);
    expect([...filesBelow(join(directory, 'logs')).keys()]).toEqual([
      join(directory, 'logs/other-other-uu/web-0/1-bootstrap-1.log'),
    ]);
    const kept = await store.loadSources((await store.load('other'))?.plan?.archive ?? '');
    expect(kept).toEqual(sources('only in other', 'in both'));
    await store.purge('one');
  });

  it('begins a name anew', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await using _lock = await lock(store, 'web');
    await ended(store, 'web', 'text');
    await store.purge('web');
    const state = await createDeployment(store, 'web', 'another-uuid');
    expect(await store.load('web')).toEqual(state);
    expect(await store.events('another-uuid', { after: 0, limit: 9 })).toHaveLength(1);
  });

  it('keeps files while another operation may be about to need them, and removes them the next time', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    {
      await using _lock = await lock(store, 'one');
      await using _other = await lock(store, 'other');
      await ended(store, 'one', 'text');
      await store.purge('one');
      expect(count(directory, 'archives')).toBe(1);
    }
    await using _lock = await lock(store, 'one');
    await store.purge('one');
    expect([count(directory, 'archives'), count(directory, 'blobs')]).toEqual([0, 0]);
  });

  it.each([
    [
      '1 machine is left',
      async (store: Store, state: DeploymentState) => {
        const plan = planOf(await store.saveSources(sources('text')));
        await record(store, state, [{ type: 'plan-recorded', plan, at: 2 }]);
      },
    ],
    [
      'what a provider made for it is left',
      (store: Store, state: DeploymentState) =>
        record(store, state, [{ type: 'scope-prepared', provider: 'local', at: 2 }]),
    ],
  ])('refuses while %s', async (left, leave) => {
    await using store = await openSqliteStore(temporaryDirectory());
    await using _lock = await lock(store, 'web');
    const state = await createDeployment(store, 'web');
    await leave(store, state);
    const refused = store.purge('web');
    await expect(refused).rejects.toThrow(OperationError);
    await expect(refused).rejects.toThrow(`Cannot purge deployment "web": ${left}`);
    expect(await store.load('web')).toEqual(state);
  });

  it('takes the lock', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    {
      await using _lock = await lock(store, 'web');
      await ended(store, 'web', 'text');
    }
    await expect(store.purge('web')).rejects.toThrow(LockedError);
    await using other = await openSqliteStore(directory);
    await using _lock = await lock(other, 'web');
    await expect(store.purge('web')).rejects.toThrow(LockedError);
    expect(await store.load('web')).not.toBeNull();
  });
});
