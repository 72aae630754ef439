import { existsSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LockedError } from '../../src/errors.ts';
import { openDatabase } from '../../src/state/database.ts';
import { isThisPlace, thisPlace } from '../../src/state/lease-place.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import type { LockHolder, Store } from '../../src/state/store.ts';
import { runChild } from './children.ts';
import { createDeployment, lock, temporaryDirectory } from './stores.ts';

/** Holds the lock; with every line of input it tries to record something. */
const WORK = `
const store = await openSqliteStore(directory);
const lock = await store.lock('web', { owner: 'bob@far', operation: 'up' }, { timeout: 0, signal });
const created = { type: 'deployment-created', name: 'web', uuid: 'web-uuid', at: 1 };
const state = emptyState(created);
await record(store, state, [created]);
console.log('working');
for (let n = 1; ; n += 1) {
  await input();
  try {
    await record(store, state, [{ type: 'scope-prepared', provider: 'p' + n, at: 2 }]);
    console.log('recorded');
  } catch (error) {
    console.log(error.name + ': ' + error.message);
    break;
  }
}
await input();
await lock[Symbol.asyncDispose]();
console.log('freed');
await input();
`;

/** As if the lock had been taken on another computer. */
function moveAway(directory: string): void {
  const db = openDatabase(join(directory, 'state.db'));
  db.exec(`UPDATE leases SET host = 'far', kernel = 'another'`);
  db.close();
}

function nonceOf(holder: LockHolder | null): string {
  return holder?.lease?.nonce ?? '';
}

async function presence(store: Store): Promise<string | null> {
  return (await store.holder('web'))?.presence ?? null;
}

describe('Store.holder()', () => {
  it('tells of nobody, and makes nothing for the question', async () => {
    const directory = temporaryDirectory();
    await using reader = await openSqliteStore(join(directory, '.plan'), { readonly: true });
    expect(await reader.holder('web')).toBeNull();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('tells who has the lock, where and since when', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const before = Date.now();
    const mine = await lock(store, 'web');
    await using reader = await openSqliteStore(directory, { readonly: true });
    const holder = await reader.holder('web');
    expect(holder).toMatchObject({
      presence: 'alive',
      lease: { owner: 'ann@host', operation: 'up', host: hostname(), pid: process.pid },
    });
    expect(holder?.lease?.since).toBeGreaterThanOrEqual(before);
    await mine[Symbol.asyncDispose]();
    expect(await reader.holder('web')).toBeNull();
  });

  it('tells a holder that lives from one that died and from one on another host', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory, { readonly: true });
    const child = runChild(directory, WORK);
    expect(await child.line()).toBe('working');
    await using reader = await openSqliteStore(directory, { readonly: true });
    expect(await presence(reader)).toBe('alive');
    await child.kill('SIGKILL');
    expect(await presence(reader)).toBe('gone');
    moveAway(directory);
    expect(await presence(reader)).toBe('elsewhere');
    expect(await presence(store)).toBeNull();
  });

  it('tells of one that recorded nothing of itself', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    await using _mine = await lock(store, 'web');
    const db = openDatabase(join(directory, 'state.db'));
    db.exec('DELETE FROM leases');
    db.close();
    expect(await store.holder('web')).toEqual({ presence: 'alive', lease: null });
  });

  it('keeps nobody from taking the lock, however often it is asked', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const asking = runChild(
      directory,
      `const store = await openSqliteStore(directory, { readonly: true });
       console.log('asking');
       for (;;) await store.holder('web');`,
    );
    expect(await asking.line()).toBe('asking');
    for (let round = 0; round < 50; round += 1) {
      const mine = await lock(store, 'web', 1_000);
      await mine[Symbol.asyncDispose]();
    }
  });
});

describe('a lock that was taken on another host', () => {
  it('is not taken over, and says how it is broken', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const child = runChild(directory, WORK);
    expect(await child.line()).toBe('working');
    await child.kill('SIGKILL');
    moveAway(directory);
    const refused = lock(store, 'web', 150);
    await expect(refused).rejects.toThrow(LockedError);
    await expect(refused).rejects.toThrow(
      /^Cannot change deployment "web": up by bob@far \(process \d+\) has its lock since [\d:]+, on another host, "far"$/,
    );
    await expect(refused).rejects.toHaveProperty('hint', expect.stringContaining('"plan unlock web"'));
    expect(existsSync(join(directory, 'locks', 'web.lock'))).toBe(false);
    await store.breakLock('web', nonceOf(await store.holder('web')));
    await using _mine = await lock(store, 'web');
  });

  it('is broken, and its holder can record nothing more when it wakes', async () => {
    const directory = temporaryDirectory();
    const child = runChild(directory, WORK);
    expect(await child.line()).toBe('working');
    child.proceed();
    expect(await child.line()).toBe('recorded');
    moveAway(directory);
    await using store = await openSqliteStore(directory);
    await store.breakLock('web', nonceOf(await store.holder('web')));
    expect(await store.holder('web')).toBeNull();
    child.proceed();
    expect(await child.line()).toBe(
      'LockedError: Cannot record what happens to deployment "web": its lock was broken',
    );
    await using _mine = await lock(store, 'web');
    child.proceed();
    expect(await child.line()).toBe('freed');
    expect(await presence(store)).toBe('alive');
    expect((await store.load('web'))?.scopes).toEqual(new Map([['p1', null]]));
  });
});

describe('Store.breakLock()', () => {
  it('refuses while the holder is alive on this host', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const child = runChild(directory, WORK);
    expect(await child.line()).toBe('working');
    const refused = store.breakLock('web', nonceOf(await store.holder('web')));
    await expect(refused).rejects.toThrow(LockedError);
    await expect(refused).rejects.toThrow(
      `Cannot unlock deployment "web": up by bob@far (process ${child.pid}) is at work since `,
    );
    child.proceed();
    expect(await child.line()).toBe('recorded');
  });

  it('refuses another holder than the one that is meant', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    await expect(store.breakLock('web', 'x')).rejects.toThrow(
      'Cannot unlock deployment "web": its lock has changed hands',
    );
    const child = runChild(directory, WORK);
    expect(await child.line()).toBe('working');
    await child.kill('SIGKILL');
    await expect(store.breakLock('web', 'x')).rejects.toThrow(LockedError);
    await store.breakLock('web', nonceOf(await store.holder('web')));
    expect(await store.holder('web')).toBeNull();
  });

  it('is a matter of stores that may write', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    await using mine = await lock(store, 'web');
    await createDeployment(store, 'web');
    await using reader = await openSqliteStore(directory, { readonly: true });
    await expect(reader.breakLock('web', 'x')).rejects.toThrow('This is a bug in plan.');
    expect(mine).toBeDefined();
  });
});

describe('isThisPlace()', () => {
  it('knows this computer by its name, and containers on it by their kernel', () => {
    const { host, kernel } = thisPlace();
    expect(isThisPlace({ host, kernel: 'before it was started again' })).toBe(true);
    expect(isThisPlace({ host: 'far', kernel: 'another' })).toBe(false);
    expect(isThisPlace({ host: 'far', kernel: '' })).toBe(false);
    expect(isThisPlace({ host: 'container', kernel })).toBe(kernel !== '');
    expect(isThisPlace({ host: '', kernel: '' })).toBe(true);
  });
});
