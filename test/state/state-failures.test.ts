import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StateError } from '../../src/errors.ts';
import type { Fact } from '../../src/fact.ts';
import { openDatabase } from '../../src/state/database.ts';
import { foldFacts } from '../../src/state/apply-fact.ts';
import { CURRENT_VERSION } from '../../src/state/migrations.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import { refuseNetwork, requireWal } from '../../src/state/state-directory.ts';
import { stateError } from '../../src/state/state-error.ts';
import { runChild } from './children.ts';
import { createDeployment, lock, record, temporaryDirectory } from './stores.ts';

const isRoot = process.geteuid?.() === 0;
/** Mounting a file system takes root. */
const mayMount = isRoot && process.platform === 'linux';

/** A file system of its own of 1 MB. */
function smallDisk(): string {
  const directory = temporaryDirectory();
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'plan-test', directory]);
  onTestFinished(() => {
    execFileSync('/bin/umount', ['--lazy', directory]);
  });
  return directory;
}

function setVersion(directory: string, version: number): void {
  const db = openDatabase(join(directory, 'state.db'));
  db.pragma(`user_version = ${version}`);
  db.close();
}

async function makeState(directory: string): Promise<void> {
  await using store = await openSqliteStore(directory);
  await using _lock = await lock(store, 'web');
  await createDeployment(store, 'web');
}

describe('a full disk', () => {
  it.skipIf(!mayMount)('ends recording, and keeps what was recorded', async () => {
    const directory = smallDisk();
    const store = await openSqliteStore(directory);
    await lock(store, 'web');
    const state = await createDeployment(store, 'web');
    let recorded = 1;
    let failure: unknown;
    while (failure === undefined && recorded < 10_000) {
      const provider = `${recorded}-${'x'.repeat(1_000)}`;
      try {
        await record(store, state, [{ type: 'scope-prepared', provider, at: 2 }]);
        recorded += 1;
      } catch (error) {
        failure = error;
      }
    }
    expect(failure).toBeInstanceOf(StateError);
    expect(failure).toHaveProperty(
      'message',
      `Cannot write the state in "${join(directory, 'state.db')}": the disk is full`,
    );
    expect(failure).toHaveProperty('hint', expect.stringContaining('Make room'));
    await expect(record(store, state, [])).rejects.toBe(failure);
    await store[Symbol.asyncDispose]();
    await using again = await openSqliteStore(directory, { readonly: true });
    const facts = (await again.events('web-uuid', { after: 0, limit: 10_000 })).map(({ fact }) => fact);
    expect(facts).toHaveLength(recorded);
    expect(await again.load('web')).toEqual(foldFacts(facts));
  });

  it.skipIf(!mayMount)('keeps a state directory from being made', async () => {
    const disk = smallDisk();
    expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(2_000_000))).toThrow('ENOSPC');
    await expect(openSqliteStore(join(disk, '.plan'))).rejects.toThrow(StateError);
  });
});

describe('a file system that is read-only', () => {
  it.skipIf(!mayMount)('can be read but not be worked with', async () => {
    const directory = smallDisk();
    await makeState(directory);
    execFileSync('/bin/mount', ['-o', 'remount,ro', directory]);
    await using reader = await openSqliteStore(directory, { readonly: true });
    expect((await reader.load('web'))?.uuid).toBe('web-uuid');
    await expect(openSqliteStore(directory)).rejects.toThrow(StateError);
    await expect(openSqliteStore(join(directory, 'new'))).rejects.toThrow(StateError);
  });

  it.skipIf(!mayMount)('cannot be read when transactions wait to be taken over', async () => {
    const directory = smallDisk();
    await makeState(directory);
    const copy = smallDisk();
    const store = await openSqliteStore(directory);
    await lock(store, 'web');
    for (const name of ['state.db', 'state.db-wal'])
      writeFileSync(join(copy, name), readFileSync(join(directory, name)));
    execFileSync('/bin/mount', ['-o', 'remount,ro', copy]);
    await store[Symbol.asyncDispose]();
    await expect(openSqliteStore(copy, { readonly: true })).rejects.toThrow(StateError);
  });
});

describe('a state directory of somebody else', () => {
  it.skipIf(!isRoot)('is refused', async () => {
    const parent = temporaryDirectory();
    const directory = join(parent, '.plan');
    await makeState(directory);
    chmodSync(parent, 0o755);
    process.seteuid?.(65_534);
    onTestFinished(() => process.seteuid?.(0));
    for (const readonly of [true, false])
      await expect(openSqliteStore(directory, { readonly })).rejects.toThrow(
        `Cannot read the state in "${join(directory, 'state.db')}": permission denied`,
      );
    await expect(openSqliteStore(join(parent, 'new'))).rejects.toThrow(
      `Cannot create the state directory "${join(parent, 'new')}": permission denied`,
    );
    process.seteuid?.(0);
  });
});

describe('a damaged database', () => {
  it('is told of when it is opened', async () => {
    const directory = temporaryDirectory();
    await makeState(directory);
    const path = join(directory, 'state.db');
    writeFileSync(path, 'This is no database. '.repeat(1_000));
    const opened = openSqliteStore(directory);
    await expect(opened).rejects.toThrow(StateError);
    await expect(opened).rejects.toThrow(`Cannot read the state in "${path}": the file is damaged`);
    await expect(opened).rejects.toHaveProperty('hint', expect.stringContaining('backup'));
  });

  it('is told of when what is read is damaged', async () => {
    const directory = temporaryDirectory();
    await makeState(directory);
    const path = join(directory, 'state.db');
    const file = openSync(path, 'r+');
    for (let page = 1; page < 20; page += 1)
      writeSync(file, Buffer.alloc(4_000, 'x'), 0, 4_000, page * 4_096);
    closeSync(file);
    await using store = await openSqliteStore(directory);
    await expect(store.load('web')).rejects.toThrow(
      `Cannot read the state in "${path}": the file is damaged`,
    );
  });
});

describe('a database of another version', () => {
  it('is refused when it is newer', async () => {
    const directory = temporaryDirectory();
    await makeState(directory);
    setVersion(directory, CURRENT_VERSION + 6);
    for (const readonly of [true, false]) {
      const opened = openSqliteStore(directory, { readonly });
      await expect(opened).rejects.toThrow(StateError);
      await expect(opened).rejects.toThrow(
        `Cannot read the state in "${join(directory, 'state.db')}": it was written by a newer plan ` +
          `(its version is ${CURRENT_VERSION + 6}, this plan knows ${CURRENT_VERSION})`,
      );
    }
  });

  it('is brought up to date when it is older', async () => {
    const directory = temporaryDirectory();
    await makeState(directory);
    rmSync(join(directory, 'state.db'));
    rmSync(join(directory, 'keys'), { recursive: true });
    // What a command that died while it made the state directory leaves.
    writeFileSync(join(directory, 'state.db'), '');
    await makeState(directory);
    await using store = await openSqliteStore(directory);
    expect(await store.list()).toHaveLength(1);
  });

  it('is brought up to date once when many open it at the same time', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'state.db'), '');
    const children = Array.from({ length: 4 }, () =>
      runChild(
        directory,
        `const store = await openSqliteStore(directory); console.log((await store.list()).length); process.exit()`,
      ),
    );
    expect(await Promise.all(children.map((child) => child.line()))).toEqual(['0', '0', '0', '0']);
  });
});

describe('a directory that cannot hold state', () => {
  it('is refused on a network', () => {
    expect(() => refuseNetwork('/net/.plan', 0x6969)).toThrow(
      'Cannot keep state in "/net/.plan": it is on a network file system (NFS)',
    );
    expect(() => refuseNetwork('/home/.plan', 0xef53)).not.toThrow();
  });

  it('is refused where there is no write-ahead log', () => {
    expect(() => requireWal('/net/.plan', 'delete')).toThrow(StateError);
    expect(() => requireWal('/home/.plan', 'wal')).not.toThrow();
  });

  it('is refused where a file is in the way', async () => {
    const directory = join(temporaryDirectory(), 'file');
    writeFileSync(directory, '');
    await expect(openSqliteStore(directory)).rejects.toThrow(
      'a file is in the way where a directory has to be',
    );
    await expect(openSqliteStore(join(directory, '.plan'))).rejects.toThrow(StateError);
  });

  it('is refused where a directory has the name of a file', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'state.db'));
    await expect(openSqliteStore(directory)).rejects.toThrow(StateError);
  });
});

describe('stateError()', () => {
  const explained = (code: string): string =>
    stateError('write "x"', Object.assign(new Error('why'), { code, syscall: 'write' })).message;

  it('says what the system says in plain words', () => {
    expect(explained('EDQUOT')).toBe('Cannot write "x": the disk is full');
    expect(explained('EROFS')).toBe('Cannot write "x": it is read-only');
    expect(explained('EPERM')).toBe('Cannot write "x": permission denied');
    expect(explained('SQLITE_BUSY')).toBe(
      'Cannot write "x": another process has been writing to it for too long',
    );
    expect(explained('EMFILE')).toBe('Cannot write "x": why');
  });

  it('leaves other errors alone', () => {
    const bug = new TypeError('x is not a function');
    expect(stateError('write', bug)).toBe(bug);
    expect(stateError('write', 'text').message).toBe('text');
  });
});

describe('a process that is killed while it records', () => {
  it('leaves a state in which every fact is that was acknowledged, and none is by halves', async () => {
    const directory = temporaryDirectory();
    const child = runChild(
      directory,
      `
      const store = await openSqliteStore(directory);
      await store.lock('web', { owner: 'bob@host', operation: 'up' }, { timeout: 0, signal });
      const created = { type: 'deployment-created', name: 'web', uuid: 'web-uuid', at: 1 };
      const state = emptyState(created);
      await record(store, state, [created]);
      const levels = [{ name: 'a', services: [{ name: 'web', provider: 'local', min: 50, max: 50 }] }];
      await record(store, state, [{ type: 'plan-recorded', at: 2, plan: { levels } }]);
      for (let round = 1; ; round += 1) {
        const facts = Array.from({ length: 50 }, (_, index) => ({
          type: 'step-succeeded', machine: 'web-' + index, generation: 0, step: 'verify', attempt: round, startedAt: 1, at: round,
        }));
        await Promise.all(facts.map((fact) => record(store, state, [fact])));
        console.log(round);
      }
      `,
    );
    let acknowledged = 0;
    while (acknowledged < 40) acknowledged = Number(await child.line());
    await child.kill('SIGKILL');
    await using store = await openSqliteStore(directory);
    const recorded = await store.events('web-uuid', { after: 0, limit: 1_000_000 });
    const facts = recorded.map(({ fact }): Fact => fact);
    expect(facts.length % 50).toBe(2);
    expect(facts.length).toBeGreaterThanOrEqual(2 + 50 * acknowledged);
    expect(recorded.map(({ number }) => number)).toEqual(facts.map((_, index) => index + 1));
    expect(await store.load('web')).toEqual(foldFacts(facts));
    await using _lock = await lock(store, 'web');
  });
});
