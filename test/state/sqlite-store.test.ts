import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LockedError, StateError } from '../../src/errors.ts';
import type { Fact } from '../../src/fact.ts';
import type { SourceEntry } from '../../src/sources.ts';
import { openDatabase } from '../../src/state/database.ts';
import { applyFact, foldFacts } from '../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../src/state/deployment-state.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import { created, histories, historyOf, TOKEN } from './histories.ts';
import { createDeployment, filesBelow, holder, lock, record, temporaryDirectory } from './stores.ts';

const all = { after: 0, limit: 1_000_000 };

/** Records a history under its lock, so many facts a call, and closes the store. */
async function write(
  directory: string,
  facts: readonly Fact[],
  sizes: readonly number[] = [1],
): Promise<void> {
  await using store = await openSqliteStore(directory);
  await using _lock = await lock(store, created.name);
  const state = emptyState(created);
  const appends: Promise<void>[] = [];
  for (let from = 0, turn = 0; from < facts.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    appends.push(record(store, state, facts.slice(from, from + size)));
    if (size % 2 === 0) await appends.at(-1);
    from += size;
  }
  await Promise.all(appends);
}

describe('openSqliteStore()', () => {
  it('makes a directory that only its owner can read and git ignores', async () => {
    const directory = join(temporaryDirectory(), 'a', '.plan');
    await using store = await openSqliteStore(directory);
    expect(await store.list()).toEqual([]);
    const mode = (name: string): number => statSync(join(directory, name)).mode & 0o777;
    expect(mode('.')).toBe(0o700);
    expect(mode('keys')).toBe(0o700);
    for (const file of ['state.db', 'state.db-wal', 'state.db-shm', 'keys/state.key'])
      expect(mode(file)).toBe(0o600);
    expect(readFileSync(join(directory, '.gitignore'), 'utf8')).toBe('*\n');
  });

  it('is opened by many at once while it does not exist', async () => {
    const directory = join(temporaryDirectory(), '.plan');
    const stores = await Promise.all(Array.from({ length: 8 }, () => openSqliteStore(directory)));
    for (const store of stores) await store[Symbol.asyncDispose]();
    expect(readdirSync(join(directory, 'keys'))).toEqual(['state.key']);
    expect(readdirSync(directory).sort()).toEqual(['.gitignore', 'keys', 'state.db']);
  });

  it('knows the labels of machines that an older plan recorded by their keys', async () => {
    const directory = temporaryDirectory();
    const services = [{ name: 'web', provider: 'local', min: 1, max: 1 }];
    const levels = [{ name: 'app', services }];
    const batch = {
      number: 1,
      service: 'web',
      provider: 'local',
      machines: [{ name: 'web-0', generation: 1 }],
      min: 1,
      token: 't',
      made: { launch: {}, labels: { tier: 'digest' } },
      request: { sensitive: '{}' },
    };
    const facts: readonly Fact[] = [
      {
        type: 'plan-recorded',
        plan: { digest: 'd', path: '/p', name: 'web', inputs: {}, archive: 'a', levels },
        at: 2,
      },
      { type: 'launch-requested', batch, at: 3 },
    ];
    await write(directory, [created, ...facts]);
    const db = openDatabase(join(directory, 'state.db'));
    db.exec("UPDATE machines SET record = json_remove(record, '$.labels', '$.givenKey')");
    db.close();
    await using store = await openSqliteStore(directory);
    const loaded = (await store.load(created.name))?.machines.get('web-0');
    expect(loaded).toEqual(foldFacts([created, ...facts]).machines.get('web-0'));
    expect(loaded).toMatchObject({ labels: { tier: '***' }, givenKey: null });
  });

  it('makes nothing for a reader', async () => {
    const directory = join(temporaryDirectory(), '.plan');
    await using store = await openSqliteStore(directory, { readonly: true });
    expect(await store.list()).toEqual([]);
    expect(await store.load('web-stack')).toBeNull();
    expect(existsSync(directory)).toBe(false);
    await expect(store.lock('web', holder, { timeout: 0, signal: AbortSignal.timeout(9) })).rejects.toThrow(
      'bug in plan',
    );
    await expect(store.saveSources(new Map())).rejects.toThrow('bug in plan');
  });
});

describe('Store.load()', () => {
  it('answers null for a name that nothing has', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    expect(await store.load('web-stack')).toBeNull();
  });

  it('answers what folding the history answers', async () => {
    await fc.assert(
      fc.asyncProperty(
        histories,
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1 }),
        async (facts, sizes) => {
          const directory = temporaryDirectory();
          await write(directory, facts, sizes);
          await using store = await openSqliteStore(directory, { readonly: true });
          const loaded = await store.load(created.name);
          const folded = foldFacts(facts);
          expect(withoutEmptyLevels(loaded)).toEqual(withoutEmptyLevels(folded));
          expect([...(loaded?.machines.keys() ?? [])]).toEqual([...folded.machines.keys()]);
          expect([...(loaded?.instances.keys() ?? [])]).toEqual([...folded.instances.keys()]);
          const events = await store.events(created.uuid, all);
          expect(events.map(({ fact }) => fact)).toEqual(facts);
          rmSync(directory, { recursive: true });
        },
      ),
      { numRuns: 30, interruptAfterTimeLimit: 20_000 },
    );
  });

  it('sees what was appended a moment ago', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await using _lock = await lock(store, created.name);
    const appended = record(store, emptyState(created), [created]);
    expect((await store.load(created.name))?.uuid).toBe(created.uuid);
    await appended;
  });

  it('answers the newest of those that share a name', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await using _lock = await lock(store, 'web');
    await createDeployment(store, 'web', 'first');
    await createDeployment(store, 'web', 'second');
    expect((await store.load('web'))?.uuid).toBe('second');
    expect((await store.list()).map(({ uuid }) => uuid)).toEqual(['second']);
  });
});

/** Levels that were left and levels that never were are the same to whoever counts. */
function withoutEmptyLevels(state: Awaited<ReturnType<typeof foldFacts>> | null): unknown {
  if (state === null) return null;
  const leaving = [...state.tallies.leaving].filter(([, tally]) => tally.present !== 0);
  return { ...state, tallies: { ...state.tallies, leaving: new Map(leaving) } };
}

describe('Store.append()', () => {
  it('shares a transaction among the calls of a tick', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    await using _lock = await lock(store, created.name);
    const state = emptyState(created);
    const order: string[] = [];
    const first = record(store, state, [created]).then(() => order.push('first'));
    const second = record(store, state, [{ type: 'scope-prepared', provider: 'local', at: 2 }]).then(() =>
      order.push('second'),
    );
    const watcher = openDatabase(join(directory, 'state.db'));
    const count = watcher.prepare<[], number>('SELECT count(*) FROM facts').pluck();
    await Promise.resolve();
    expect(count.get()).toBe(0);
    await Promise.all([first, second]);
    expect(count.get()).toBe(2);
    expect(order).toEqual(['first', 'second']);
    watcher.close();
  });

  it('keeps what its caller touched, not what is touched later', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await using _lock = await lock(store, created.name);
    const state = emptyState(created);
    const touched = nothingTouched();
    applyFact(state, created, touched);
    const prepared: Fact = { type: 'scope-prepared', provider: 'local', at: 2 };
    applyFact(state, prepared, touched);
    const appended = store.append(state, [created, prepared], touched);
    touched.deployment = false;
    await appended;
    expect([...((await store.load(created.name))?.scopes.keys() ?? [])]).toEqual(['local']);
  });

  it('refuses facts of a deployment that is not locked', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await expect(createDeployment(store, 'web')).rejects.toThrow(
      '"web" is not locked. This is a bug in plan.',
    );
  });

  it('refuses the facts of a holder whose lock was taken over, and only those', async () => {
    const directory = temporaryDirectory();
    await using sleeper = await openSqliteStore(directory);
    const lost = await lock(sleeper, 'web');
    await using _other = await lock(sleeper, 'db');
    const web = await createDeployment(sleeper, 'web');
    // As if the directory had been copied back from a backup in which nobody works.
    rmSync(join(directory, 'locks', 'web.lock'));
    await using taker = await openSqliteStore(directory);
    await using _taken = await lock(taker, 'web');
    const refused = record(sleeper, web, [{ type: 'scope-prepared', provider: 'local', at: 2 }]);
    const db = createDeployment(sleeper, 'db');
    await expect(refused).rejects.toThrow(LockedError);
    await expect(refused).rejects.toThrow(
      /^Cannot record what happens to deployment "web": its lock was taken by up by ann@host/,
    );
    expect((await db).name).toBe('db');
    await lost[Symbol.asyncDispose]();
    expect((await taker.load('web'))?.scopes.size).toBe(0);
    await record(taker, web, [{ type: 'scope-prepared', provider: 'west', at: 3 }]);
  });

  it('refuses the facts of a holder whose lease is gone', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    await using _lock = await lock(store, 'web');
    const db = openDatabase(join(directory, 'state.db'));
    db.exec('DELETE FROM leases');
    db.close();
    await expect(createDeployment(store, 'web')).rejects.toThrow('its lock was broken');
  });

  it('makes facts final', async () => {
    const directory = temporaryDirectory();
    await write(directory, historyOf([]));
    const db = openDatabase(join(directory, 'state.db'));
    expect(() => db.exec(`UPDATE facts SET fact = '{}'`)).toThrow('facts are final');
    db.close();
  });

  it('costs little per fact', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await using _lock = await lock(store, created.name);
    const state = emptyState(created);
    const levels = [{ name: 'a', services: [{ name: 'web', provider: 'local', min: 2_000, max: 2_000 }] }];
    await record(store, state, [
      created,
      {
        type: 'plan-recorded',
        at: 2,
        plan: { digest: '', path: '', name: '', inputs: {}, archive: '', levels },
      },
    ]);
    const steps = Array.from({ length: 6 * 2_000 }, (_, index): Fact => {
      const step = {
        machine: `web-${index % 2_000}`,
        generation: 0,
        step: 'verify',
        attempt: 1,
        startedAt: 1,
      } as const;
      return { ...step, type: 'step-succeeded', at: index };
    });
    const writing = cpuTime();
    for (const fact of steps) JSON.parse(JSON.stringify([fact, state.machines.get('web-0')]));
    const recording = cpuTime();
    for (let from = 0; from < steps.length; from += 2_000)
      await Promise.all(steps.slice(from, from + 2_000).map((fact) => record(store, state, [fact])));
    const end = cpuTime();
    expect((end - recording) / (recording - writing)).toBeLessThan(15);
  });
});

/** CPU time of this process, in microseconds. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

describe('Store.events()', () => {
  it('answers a range of the numbers of one deployment', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await using _web = await lock(store, 'web');
    await using _db = await lock(store, 'db');
    await createDeployment(store, 'web');
    const db = await createDeployment(store, 'db');
    await record(store, db, [
      { type: 'scope-prepared', provider: 'a', at: 2 },
      { type: 'scope-prepared', provider: 'b', at: 3 },
    ]);
    const numbers = async (after: number, limit: number) =>
      (await store.events('db-uuid', { after, limit })).map(
        ({ number, fact }) => `${number} ${fact.type} ${fact.at}`,
      );
    expect(await numbers(0, 9)).toEqual([
      '2 deployment-created 1',
      '3 scope-prepared 2',
      '4 scope-prepared 3',
    ]);
    expect(await numbers(2, 1)).toEqual(['3 scope-prepared 2']);
    expect(await numbers(4, 9)).toEqual([]);
    expect(await store.events('nothing', all)).toEqual([]);
  });
});

describe('Store.list()', () => {
  it('tells when nothing is left of a deployment', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (facts) => {
        const directory = temporaryDirectory();
        await write(directory, facts, [50]);
        await using store = await openSqliteStore(directory);
        const { machines, instances, batches, scopes, expiresAt } = foldFacts(facts);
        const terminated =
          [...machines.values()].every(({ stage }) => stage === 'gone') &&
          instances.size + batches.size + scopes.size === 0;
        expect(await store.list()).toEqual([
          { name: 'web-stack', uuid: 'uuid-1', createdAt: 1, terminated, expiresAt },
        ]);
        rmSync(directory, { recursive: true });
      }),
      { numRuns: 20, interruptAfterTimeLimit: 20_000 },
    );
  });

  it('is in the order of names', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    for (const name of ['web', 'app', 'db']) {
      await using _lock = await lock(store, name);
      await createDeployment(store, name);
    }
    expect((await store.list()).map(({ name, terminated }) => `${name} ${terminated}`)).toEqual([
      'app true',
      'db true',
      'web true',
    ]);
  });
});

describe('Store.saveSources()', () => {
  const file = (text: string, mode = 0o644): SourceEntry => ({
    kind: 'file',
    mode,
    bytes: Buffer.from(text),
  });

  it('keeps files and directories, and unchanged files once', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const sources = new Map<string, SourceEntry>([
      ['/p/web.yml', file('version: 1')],
      ['/p/run.sh', file('#!/bin/sh\n', 0o755)],
      ['/p/copy.sh', file('#!/bin/sh\n')],
      ['/p/empty', { kind: 'file', mode: 0o600, bytes: Buffer.from([0, 255]) }],
      ['/p', { kind: 'directory', names: ['copy.sh', 'empty', 'run.sh', 'web.yml'] }],
    ]);
    const digest = await store.saveSources(sources);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(await store.saveSources(new Map([...sources].reverse()))).toBe(digest);
    expect(new Map(await store.loadSources(digest))).toEqual(sources);
    const changed = await store.saveSources(new Map([...sources, ['/p/web.yml', file('version: 2')]]));
    expect(changed).not.toBe(digest);
    const db = openDatabase(join(directory, 'state.db'));
    expect(db.prepare('SELECT count(*) FROM blobs').pluck().get()).toBe(4);
    db.exec('DELETE FROM blobs');
    db.close();
    await expect(store.loadSources(digest)).rejects.toThrow('Cannot read the plan\'s file "/p/copy.sh"');
  });

  it('keeps no content in clear', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    await store.saveSources(new Map([['/p/web.yml', file('default: hunter2-hunter2')]]));
    for (const name of readdirSync(directory).filter((entry) => entry.startsWith('state.db')))
      expect(readFileSync(join(directory, name)).includes('hunter2')).toBe(false);
  });

  it('answers archives that it kept only', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await expect(store.loadSources('nothing')).rejects.toThrow(StateError);
  });
});

describe('sensitive values', () => {
  it('are in no file of the state directory', async () => {
    const directory = temporaryDirectory();
    const store = await openSqliteStore(directory);
    const held = await lock(store, created.name);
    const state = emptyState(created);
    const facts = historyOf(Array.from({ length: 400 }, (_, index) => (index * 7_919) % 1_021));
    expect(JSON.stringify(facts)).toContain(TOKEN);
    await record(store, state, facts);
    const wal = [...filesBelow(directory)].filter(([path]) => !path.includes('/locks/'));
    expect(wal.map(([path]) => path)).toContain(join(directory, 'state.db-wal'));
    for (const [path, bytes] of wal) expect(bytes.includes(TOKEN), path).toBe(false);
    // Reading the database's files here dropped this process's locks on them, which ends with the store.
    await held[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    for (const [path, bytes] of filesBelow(directory)) expect(bytes.includes(TOKEN), path).toBe(false);
  });

  it('cannot be read without their key', async () => {
    const directory = temporaryDirectory();
    const choices = Array.from({ length: 400 }, (_, index) => (index * 7_919) % 1_021);
    await write(directory, historyOf(choices), [400]);
    const key = join(directory, 'keys', 'state.key');
    await using store = await openSqliteStore(directory);
    rmSync(key);
    await expect(store.events(created.uuid, all)).rejects.toThrow(`the key file "${key}" is missing`);
    writeFileSync(key, 'not a key');
    await expect(store.events(created.uuid, all)).rejects.toThrow(
      `Cannot read the key in "${key}": the file is damaged`,
    );
    writeFileSync(key, Buffer.alloc(32, 7).toString('base64'));
    await expect(store.events(created.uuid, all)).rejects.toThrow(
      `"${key}" is not the key that it was encrypted with`,
    );
  });
});
