import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readFile, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { openConnection } from '../../src/connection/open.ts';
import { getTree, putTree } from '../../src/connection/transfer.ts';
import { surveyTree } from '../../src/connection/tree-survey.ts';
import { describeWhere } from '../support/applying.ts';
import { until } from '../support/until.ts';
import { startSshd } from '../support/sshd.ts';
import { CONTAINERS, OPENSSH, PROCESSES } from './script-machine.ts';
import type { ScriptMachine } from './script-machine.ts';

const never = new AbortController().signal;
const LONG = `${'long-'.repeat(30)}${'é'.repeat(20)}`;

/** A line for everything in a tree: kind, mode, name and digest. */
async function listing(path: string, name = ''): Promise<string[]> {
  const stats = await lstat(path);
  const mode = (stats.mode & 0o7777).toString(8);
  if (stats.isSymbolicLink()) return [`link ${name} ${await readlink(path)}`];
  if (stats.isFile())
    return [
      `${mode} ${name} ${createHash('sha256')
        .update(await readFile(path))
        .digest('hex')}`,
    ];
  const below = await Promise.all(
    (await readdir(path)).toSorted().map((child) => listing(join(path, child), `${name}/${child}`)),
  );
  return [`${mode} ${name}/`, ...below.flat()];
}

async function makeTree(path: string): Promise<void> {
  await mkdir(join(path, '-dir with space', LONG), { recursive: true });
  await mkdir(join(path, 'empty'), { mode: 0o750 });
  await writeFile(join(path, 'new\nline'), 'x');
  await writeFile(join(path, '.hidden'), '');
  await writeFile(join(path, '..odd'), 'odd', { mode: 0o600 });
  await writeFile(join(path, '-dir with space', '--run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  await writeFile(join(path, '-dir with space', LONG, LONG), randomBytes(700_000), { mode: 0o444 });
  await symlink('../nowhere', join(path, 'dangling'));
  await symlink('-dir with space', join(path, 'link'));
}

for (const kind of [OPENSSH, PROCESSES, CONTAINERS]) {
  describeWhere(kind.missing === undefined)(`copying to and from ${kind.name}`, () => {
    let machine: ScriptMachine;
    let connection: Connection;
    let here: string;
    /** A directory of the machine: as it is called there, and where it is here. */
    let there: string;
    let seen: string;

    beforeAll(async () => {
      machine = await kind.start();
      connection = await openConnection(machine.access, {
        signal: never,
        onHostKey: () => expect.unreachable(),
      });
    });
    afterAll(async () => {
      await connection[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      here = await mkdtemp(join(tmpdir(), 'plan-transfer-'));
      seen = await mkdtemp(join(machine.home, 'there-'));
      there = `~/${basename(seen)}`;
    });
    afterEach(async () => {
      await rm(here, { recursive: true });
      await rm(seen, { recursive: true });
    });

    async function put(
      path: string,
      to: string,
      { name = basename(path), several = false, signal = never } = {},
    ): Promise<void> {
      const tree = await surveyTree(path);
      await putTree(connection, { tree, name, to, isOneOfSeveral: several, user: null }, { signal });
    }
    function get(from: string, path: string, signal = never): Promise<void> {
      return getTree(connection, { from, path, user: null }, { signal });
    }

    it('brings a tree to the machine and back as it was', async () => {
      await makeTree(join(here, 'tree'));
      const before = await listing(join(here, 'tree'));
      await put(join(here, 'tree'), there);
      expect(await listing(join(seen, 'tree'))).toEqual(before);
      await get(`${there}/tree`, join(here, 'back'));
      expect(await listing(join(here, 'back'))).toEqual(before);
      // Again: what is there is replaced, and what is there beside stays.
      await writeFile(join(seen, 'tree', 'beside'), 'beside');
      await writeFile(join(seen, 'tree', '.hidden'), 'changed');
      await put(join(here, 'tree'), there);
      await get(`${there}/tree/`, join(here, 'back'));
      expect(await readFile(join(here, 'back', 'beside'), 'utf8')).toBe('beside');
      await rm(join(here, 'back', 'beside'));
      expect(await listing(join(here, 'back'))).toEqual(before);
      expect((await readdir(here)).toSorted()).toEqual(['back', 'tree']);
      expect(await readdir(seen)).toEqual(['tree']);
    });

    it('names what it copies as cp does', async () => {
      await mkdir(join(here, 'd'));
      await writeFile(join(here, 'd', 'f'), 'one', { mode: 0o640 });
      await put(join(here, 'd', 'f'), there);
      await put(join(here, 'd', 'f'), `${there}/renamed`);
      await put(join(here, 'd'), `${there}/d2`);
      await put(join(here, 'd'), `${there}/d2`);
      await put(join(here, 'd'), there, { name: '.' });
      await put(join(here, 'd', 'f'), `${there}/d2/`, { several: true, name: '-f' });
      expect((await listing(seen)).map((line) => line.split(' ').slice(0, 2).join(' ')).slice(1)).toEqual([
        '755 /d2/',
        '640 /d2/-f',
        '755 /d2/d/',
        '640 /d2/d/f',
        '640 /d2/f',
        '640 /f',
        '640 /renamed',
      ]);
      await symlink('d2', join(seen, 'current'));
      await get(`${there}/current`, join(here, 'current'));
      expect(await readdir(join(here, 'current'))).toEqual(['-f', 'd', 'f']);
      await symlink('d2/f', join(seen, 'file'));
      await get(`${there}/file`, join(here, 'file'));
      expect((await lstat(join(here, 'file'))).isFile()).toBe(true);
    });

    it('says what keeps it from copying, and leaves nothing', async () => {
      await mkdir(join(here, 'd'));
      await writeFile(join(here, 'f'), 'x');
      await put(join(here, 'f'), `${there}/f`);
      const wrong: [() => Promise<unknown>, RegExp][] = [
        [() => put(join(here, 'f'), `${there}/no/f`), /there is no directory ".*\/no"/],
        [() => put(join(here, 'f'), `${there}/no/`), /there is no directory ".*\/no"/],
        [() => put(join(here, 'f'), `${there}/no`, { several: true }), /there is no directory ".*\/no"/],
        [() => put(join(here, 'd'), `${there}/f`), /"\S+\/f" is no directory/],
        [() => put(join(here, 'none'), there), /none": there is no such file/],
        [() => get(`${there}/none`, join(here, 'x')), /there is no "\S+\/none"/],
        [() => get(`${there}/f/`, join(here, 'x')), /there is no "\S+\/f"/],
        [() => get(`${there}/f`, join(here, 'd')), /it is a directory/],
        [() => get(there, join(here, 'f')), /it is no directory/],
        [() => get(`${there}/f`, join(here, 'no', 'f')), /there is no directory "\S+no"/],
        [() => get('/dev/null', join(here, 'x')), /"\/dev\/null" is a special file/],
      ];
      for (const [copy, message] of wrong) await expect(copy()).rejects.toThrow(message);
      execFileSync('mkfifo', [join(here, 'd', 'pipe'), join(seen, 'pipe')]);
      await expect(put(join(here, 'd'), there)).rejects.toThrow(/pipe": it is a named pipe/);
      await expect(get(there, join(here, 'x'))).rejects.toThrow(/pipe" is a special file/);
      await writeFile(join(seen, 'd'), 'x');
      await rm(join(here, 'd', 'pipe'));
      await expect(put(join(here, 'd'), there)).rejects.toThrow(/"\S+\/d" is no directory/);
      expect((await readdir(seen)).toSorted()).toEqual(['d', 'f', 'pipe']);
      expect((await readdir(here)).toSorted()).toEqual(['d', 'f']);
    });

    it('leaves nothing of what was interrupted, under no name', async () => {
      execFileSync('sh', ['-c', 'head -c 60000000 /dev/zero >"$1/big"', 'sh', here]);
      const cancel = new AbortController();
      let bytes = 0;
      const onBytes = (count: number): void => {
        bytes += count;
        if (bytes > 5_000_000) cancel.abort(new Error('enough'));
      };
      const tree = await surveyTree(join(here, 'big'));
      const request = { tree, name: 'big', to: there, isOneOfSeveral: false, user: null };
      await expect(putTree(connection, request, { signal: cancel.signal, onBytes })).rejects.toThrow(
        'enough',
      );
      await until(async () => (await readdir(seen)).length === 0);
      await put(join(here, 'big'), there);
      const again = new AbortController();
      const getting = getTree(
        connection,
        { from: `${there}/big`, path: join(here, 'back'), user: null },
        { signal: again.signal, onBytes: () => again.abort(new Error('enough')) },
      );
      await expect(getting).rejects.toThrow('enough');
      expect(await readdir(here)).toEqual(['big']);
      await expect(put(join(here, 'big'), there, { signal: again.signal })).rejects.toThrow('enough');
      await expect(get(there, join(here, 'x'), again.signal)).rejects.toThrow('enough');
    });
  });
}

describeWhere(OPENSSH.missing === undefined)('copying to a machine whose disk is full', () => {
  it('says so, and leaves nothing', async () => {
    const small = await mkdtemp(join(tmpdir(), 'plan-small-'));
    const world = `mount -t tmpfs -o size=1m none "${small}"`;
    await using sshd = await startSshd({ world });
    await using connection = await openConnection(sshd.access, {
      signal: never,
      onHostKey: () => expect.unreachable(),
    });
    const path = join(sshd.directory, 'big');
    await writeFile(path, randomBytes(3_000_000));
    const request = {
      tree: await surveyTree(path),
      name: 'big',
      to: small,
      isOneOfSeveral: false,
      user: null,
    };
    await expect(putTree(connection, request, { signal: never })).rejects.toThrow(
      /^Cannot copy ".*big" to ".*": .*No space left on device$/,
    );
    const { stdout } = await connection.exec(`ls -A "${small}"`, { signal: never });
    expect(stdout.toString()).toBe('');
    const refused = putTree(connection, { ...request, user: 'nobody', to: sshd.home }, { signal: never });
    await expect(refused).rejects.toThrow(/Permission denied|there is no directory/);
    await rm(small, { recursive: true });
  });
});
