import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LockedError, StateError } from '../../src/errors.ts';
import { openDatabase } from '../../src/state/database.ts';
import { describeMoment } from '../../src/state/lease.ts';
import { tryLockFile } from '../../src/state/lock-file.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import { runChild } from './children.ts';
import { createDeployment, holder, lock, temporaryDirectory } from './stores.ts';

const HOLD = `
const store = await openSqliteStore(directory);
const lock = await store.lock('web-stack', { owner: 'bob@host', operation: 'down' }, { timeout: 0, signal });
console.log('locked');
await input();
await lock[Symbol.asyncDispose]();
console.log('freed');
await input();
`;

describe('Store.lock()', () => {
  it('tells who holds the lock, and since when', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const other = runChild(directory, HOLD);
    expect(await other.line()).toBe('locked');
    const refused = lock(store, 'web-stack');
    await expect(refused).rejects.toThrow(LockedError);
    const who = `down by bob@host (process ${other.pid})`;
    await expect(refused).rejects.toThrow(
      new RegExp(
        `^Cannot change deployment "web-stack": ${who.replace(/[()]/g, '\\$&')} is at work since \\d\\d:\\d\\d:\\d\\d$`,
      ),
    );
    await expect(refused).rejects.toHaveProperty('hint', expect.stringContaining('--lock-timeout'));
    await using _free = await lock(store, 'another-name');
  });

  it('is free once its holder gave it back, and leaves no file', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const other = runChild(directory, HOLD);
    expect(await other.line()).toBe('locked');
    expect(readdirSync(join(directory, 'locks'))).toEqual(['web-stack.lock']);
    other.proceed();
    expect(await other.line()).toBe('freed');
    expect(readdirSync(join(directory, 'locks'))).toEqual([]);
    const mine = await lock(store, 'web-stack');
    await mine[Symbol.asyncDispose]();
    await mine[Symbol.asyncDispose]();
    expect(readdirSync(join(directory, 'locks'))).toEqual([]);
  });

  it('is free at once when its holder is killed', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const other = runChild(directory, HOLD);
    expect(await other.line()).toBe('locked');
    await other.kill('SIGKILL');
    await using _mine = await lock(store, 'web-stack');
    await createDeployment(store, 'web-stack');
  });

  it('waits for its holder', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const other = runChild(directory, HOLD);
    expect(await other.line()).toBe('locked');
    const waiting = lock(store, 'web-stack', 20_000);
    await turn();
    other.proceed();
    await using _mine = await waiting;
  });

  it('gives up when its time is over', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await using _mine = await lock(store, 'web-stack');
    await expect(lock(store, 'web-stack', 150)).rejects.toThrow(LockedError);
  });

  it('stops waiting when its signal is aborted', async () => {
    await using store = await openSqliteStore(temporaryDirectory());
    await using _mine = await lock(store, 'web-stack');
    const interrupted = new AbortController();
    const waiting = store.lock('web-stack', holder, { timeout: 60_000, signal: interrupted.signal });
    await turn();
    interrupted.abort(new Error('interrupted'));
    await expect(waiting).rejects.toThrow('interrupted');
    const late = store.lock('web-stack', holder, { timeout: 60_000, signal: interrupted.signal });
    await expect(late).rejects.toThrow('interrupted');
  });

  it('says so when nothing tells who holds it', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    await using _mine = await lock(store, 'web-stack');
    const db = openDatabase(join(directory, 'state.db'));
    db.exec('DELETE FROM leases');
    db.close();
    await expect(lock(store, 'web-stack')).rejects.toThrow('"web-stack": another process is at work');
  });

  it('tells of a lock file that cannot be used', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    mkdirSync(join(directory, 'locks', 'web-stack.lock'), { recursive: true });
    const refused = lock(store, 'web-stack');
    await expect(refused).rejects.toThrow(StateError);
    await expect(refused).rejects.toThrow(
      `Cannot lock deployment "web-stack" by "${join(directory, 'locks', 'web-stack.lock')}": `,
    );
  });

  it('gives the lock back when nobody can be told of it', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const db = openDatabase(join(directory, 'state.db'));
    db.exec('ALTER TABLE leases RENAME TO other');
    await expect(lock(store, 'web-stack')).rejects.toThrow(StateError);
    expect(readdirSync(join(directory, 'locks'))).toEqual([]);
    db.exec('ALTER TABLE other RENAME TO leases');
    db.close();
    await using _mine = await lock(store, 'web-stack');
  });

  it('is freed with its store', async () => {
    const directory = temporaryDirectory();
    const store = await openSqliteStore(directory);
    await lock(store, 'web-stack');
    await store[Symbol.asyncDispose]();
    expect(readdirSync(join(directory, 'locks'))).toEqual([]);
    await using other = await openSqliteStore(directory);
    await using _mine = await lock(other, 'web-stack');
  });

  it('lets one of several processes at a time work, whoever comes and goes', async () => {
    const directory = temporaryDirectory();
    await using store = await openSqliteStore(directory);
    const racers = Array.from({ length: 4 }, (_, racer) =>
      runChild(
        directory,
        `
        import { openSync, closeSync, unlinkSync } from 'node:fs';
        const store = await openSqliteStore(directory);
        for (let round = 0; round < 25; round += 1) {
          const lock = await store.lock('web-stack', { owner: '${racer}@host', operation: 'up' }, { timeout: 60_000, signal });
          closeSync(openSync(directory + '/alone', 'wx'));
          unlinkSync(directory + '/alone');
          await lock[Symbol.asyncDispose]();
        }
        await store[Symbol.asyncDispose]();
        console.log('done');
        process.exit(0);
        `,
      ),
    );
    expect(await Promise.all(racers.map((racer) => racer.line()))).toEqual(['done', 'done', 'done', 'done']);
    expect(await Promise.all(racers.map((racer) => racer.ended()))).toEqual([0, 0, 0, 0]);
  });
});

describe('tryLockFile()', () => {
  it('leaves a file alone that took the place of its own', () => {
    const path = join(temporaryDirectory(), 'locks', 'web.lock');
    const first = tryLockFile(path);
    expect(tryLockFile(path)).toBeUndefined();
    first?.release();
    expect(existsSync(path)).toBe(false);
    const second = tryLockFile(path);
    expect(second).toBeDefined();
    first?.release();
    expect(existsSync(path)).toBe(true);
    second?.release();
  });

  it('never takes a file that others remove and make anew for one that is broken', async () => {
    const directory = temporaryDirectory();
    const lockFile = new URL('../../dist/state/lock-file.js', import.meta.url).href;
    const racers = Array.from({ length: 4 }, () =>
      runChild(
        directory,
        `
        const { tryLockFile, isLocked } = await import(${JSON.stringify(lockFile)});
        for (let taken = 0; taken < 150; ) {
          const file = tryLockFile(directory + '/locks/web.lock');
          isLocked(directory + '/locks/web.lock');
          file?.release();
          if (file !== undefined) taken += 1;
        }
        console.log('done');
        process.exit(0);
        `,
      ),
    );
    expect(await Promise.all(racers.map((racer) => racer.line()))).toEqual(['done', 'done', 'done', 'done']);
  });
});

describe('describeMoment()', () => {
  const noon = new Date(2024, 4, 3, 12, 3, 11).getTime();

  it('is the time of day', () => {
    expect(describeMoment(noon, noon + 3_600_000)).toBe('12:03:11');
  });

  it('has its date on another day', () => {
    expect(describeMoment(noon, noon + 86_400_000)).toBe('2024-05-03 12:03:11');
  });
});
