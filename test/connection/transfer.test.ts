import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { openConnection } from '../../src/connection/open.ts';
import { getTree, putTree } from '../../src/connection/transfer.ts';
import { surveyTree } from '../../src/connection/tree-survey.ts';
import { describeWhere } from '../support/applying.ts';
import { startWorld } from '../support/sshd-world.ts';
import { until } from '../support/until.ts';
import { startSshd } from '../support/sshd.ts';
import { CONTAINERS, OPENSSH, PROCESSES } from './script-machine.ts';
import type { MachineKind, ScriptMachine } from './script-machine.ts';
import { startTcpProxy } from './tcp-proxy.ts';

const never = new AbortController().signal;
const LONG = `${'long-'.repeat(30)}${'é'.repeat(20)}`;

/** A line for everything in a tree: kind, mode, time, name of bytes and digest. */
async function listing(path: string, name = ''): Promise<string[]> {
  const at = Buffer.from(`${path}${name}`, 'latin1');
  const stats = await lstat(at);
  const mode = (stats.mode & 0o7777).toString(8);
  const time = Math.floor(stats.mtimeMs / 1_000);
  if (stats.isSymbolicLink()) return [`link ${name} ${(await readlink(at, 'buffer')).toString('latin1')}`];
  if (stats.isFile())
    return [
      `${mode} ${name} ${time} ${createHash('sha256')
        .update(await readFile(at))
        .digest('hex')}`,
    ];
  const below: string[] = [];
  for (const child of (await readdir(at, 'latin1')).toSorted())
    below.push(...(await listing(path, `${name}/${child}`)));
  return [`${mode} ${name}/`, ...below];
}

async function makeTree(path: string, size: number): Promise<void> {
  await mkdir(join(path, '-dir with space', LONG), { recursive: true });
  await mkdir(join(path, 'empty'), { mode: 0o750 });
  await writeFile(join(path, 'new\nline'), 'x');
  await writeFile(join(path, '.hidden'), '');
  await writeFile(join(path, '..odd'), 'odd', { mode: 0o600 });
  await writeFile(join(path, '-dir with space', '--run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  await writeFile(join(path, '-dir with space', LONG, LONG), randomBytes(size), { mode: 0o444 });
  await symlink('../nowhere', join(path, 'dangling'));
  await symlink('-dir with space', join(path, 'link'));
  await symlink('-odd\n', join(path, `it's "odd" $HOME`));
  // Names of bytes that are no text.
  await mkdir(Buffer.from(`${path}/\xff\xe9`, 'latin1'));
  await writeFile(Buffer.from(`${path}/\xff\xe9/\x80\\n`, 'latin1'), 'bytes', { mode: 0o604 });
  await symlink(Buffer.from('\xfe', 'latin1'), Buffer.from(`${path}/\xff\xe9/l`, 'latin1'));
  await utimes(join(path, '..odd'), 1_000_000_000, 1_000_000_000);
}

/** Processes that find only these programs. */
function processesWith(name: string, find: (bin: string) => Promise<void>): MachineKind {
  return {
    ...PROCESSES,
    name: `processes of this computer ${name}`,
    async start() {
      const machine = await PROCESSES.start();
      const bin = await mkdtemp(join(tmpdir(), 'plan-bin-'));
      await find(bin);
      vi.stubEnv('PATH', bin);
      return {
        ...machine,
        async [Symbol.asyncDispose]() {
          await machine[Symbol.asyncDispose]();
          await rm(bin, { recursive: true });
        },
      };
    },
  };
}

/** What a machine without tar has. */
const TOOLS = 'cat chmod date dd find head id ln ls mkdir mv readlink rm sh touch uname wc'.split(' ');

async function linkTools(bin: string, tools: readonly string[]): Promise<void> {
  for (const tool of tools) await symlink(join('/bin', tool), join(bin, tool));
}

const WITHOUT_TAR: readonly MachineKind[] = [
  processesWith('without tar', (bin) => linkTools(bin, TOOLS)),
  processesWith('without tar and head', (bin) =>
    linkTools(
      bin,
      TOOLS.filter((tool) => tool !== 'head'),
    ),
  ),
  processesWith('without tar, and with a dd of long ago', async (bin) => {
    await linkTools(
      bin,
      TOOLS.filter((tool) => tool !== 'head' && tool !== 'dd'),
    );
    await writeFile(join(bin, 'dd'), '#!/bin/sh\ncase $* in *iflag*) exit 1 ;; esac\nexec /bin/dd "$@"\n', {
      mode: 0o755,
    });
  }),
  processesWith('with busybox, but its tar', async (bin) => {
    for (const tool of TOOLS) await symlink('/bin/busybox', join(bin, tool));
  }),
];

for (const kind of [OPENSSH, PROCESSES, CONTAINERS, ...WITHOUT_TAR]) {
  const isSlow = kind.name.endsWith('of long ago');

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

    async function machineName(): Promise<string | undefined> {
      const { stdout } = await connection.exec('uname -n', { signal: never });
      return stdout.toString().trim();
    }

    it('brings a tree to the machine and back as it was', async () => {
      await makeTree(join(here, 'tree'), isSlow ? 1_000 : 700_000);
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

    it('removes what copies left that were killed, and nothing of those that go on', async () => {
      await writeFile(join(here, 'f'), 'x');
      const old = `.plan-copy-${(await machineName()) ?? hostname()}`;
      const rest = [`${old}-99999999-abc`, `${old}-1-abc`, `.plan-copy-elsewhere-99999999-abc`];
      for (const base of [here, seen])
        for (const name of rest) {
          await mkdir(join(base, name, 'tree', 'closed'), { recursive: true });
          await chmod(join(base, name, 'tree', 'closed'), 0o500);
        }
      await put(join(here, 'f'), there);
      expect((await readdir(seen)).toSorted()).toEqual([...rest.slice(1), 'f'].toSorted());
      await get(`${there}/f`, join(here, 'g'));
      const mine = (await machineName()) === hostname() ? rest.slice(1) : rest;
      expect((await readdir(here)).toSorted()).toEqual([...mine, 'f', 'g'].toSorted());
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
        [() => get(`${there}/none`, join(here, 'x')), /Cannot copy "\S+\/none": there is no such file/],
        [() => get(`${there}/f/`, join(here, 'x')), /Cannot copy "\S+\/f\/": there is no such file/],
        [() => get(`${there}/f`, join(here, 'd')), /it is a directory/],
        [() => get(there, join(here, 'f')), /it is no directory/],
        [() => get(`${there}/f`, join(here, 'no', 'f')), /there is no directory "\S+no"/],
        [() => get('/dev/null', join(here, 'x')), /"\/dev\/null" is a special file/],
        [() => put(join(here, 'f'), '/dev/null'), /"\/dev\/null" is a special file/],
        [() => get(`${there}/f`, '/dev/null'), /"\/dev\/null": it is a special file/],
        [() => put('/dev/null', there), /"\/dev\/null": it is a device/],
        [() => put(join(here, 'f'), '/proc/self'), /"\/proc\/self" cannot be written to by "root": /],
        [() => get(`${there}/f`, '/proc/x'), /Cannot copy to "\/proc\/x": /],
      ];
      for (const [copy, message] of wrong) await expect(copy()).rejects.toThrow(message);
      execFileSync('/usr/bin/mkfifo', [join(here, 'd', 'pipe'), join(seen, 'pipe')]);
      await expect(put(join(here, 'd'), there)).rejects.toThrow(/pipe": it is a named pipe/);
      await expect(get(there, join(here, 'x'))).rejects.toThrow(/pipe" is a special file/);
      await writeFile(join(seen, 'd'), 'x');
      await rm(join(here, 'd', 'pipe'));
      await expect(put(join(here, 'd'), there)).rejects.toThrow(/"\S+\/d" is no directory/);
      expect((await readdir(seen)).toSorted()).toEqual(['d', 'f', 'pipe']);
      expect((await readdir(here)).toSorted()).toEqual(['d', 'f']);
    });

    it('copies what is there while others write and remove', async () => {
      await mkdir(join(here, 'd'));
      await writeFile(join(here, 'd', 'a'), 'x'.repeat(300));
      await writeFile(join(here, 'd', 'b'), 'gone');
      await writeFile(join(here, 'd', 'c'), 'longer than it was');
      const tree = await surveyTree(join(here, 'd'));
      await rm(join(here, 'd', 'b'));
      await writeFile(join(here, 'd', 'a'), 'y');
      const request = { tree, name: 'd', to: there, isOneOfSeveral: false, user: null };
      await putTree(connection, request, { signal: never });
      expect(await listing(join(seen, 'd'))).toEqual(await listing(join(here, 'd')));
      await rm(join(here, 'd', 'a'));
      execFileSync('/usr/bin/mkfifo', [join(here, 'd', 'a')]);
      await expect(putTree(connection, request, { signal: never })).rejects.toThrow(/it is no file any more/);
      await rm(join(here, 'd'), { recursive: true });
      await expect(putTree(connection, request, { signal: never })).resolves.toBeUndefined();
      const alone = { ...request, tree: await surveyTree(join(seen, 'd', 'c')), name: 'e' };
      await rm(join(seen, 'd', 'c'));
      await expect(putTree(connection, alone, { signal: never })).rejects.toThrow(/there is no such file/);
      await until(async () => (await readdir(seen)).length === 1);
    });

    if (!isSlow)
      it('leaves nothing of what was interrupted, under no name', async () => {
        await writeFile(join(here, 'big'), Buffer.alloc(60_000_000));
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

describeWhere(OPENSSH.missing === undefined)('copying over a connection that breaks', () => {
  it('leaves nothing under the name on either side', async () => {
    await using sshd = await startSshd();
    const here = await mkdtemp(join(tmpdir(), 'plan-broken-'));
    for (const path of [here, sshd.home]) {
      await writeFile(join(path, 'big'), '');
      await truncate(join(path, 'big'), 50_000_000_000);
    }
    for (const direction of ['there', 'back']) {
      await using proxy = await startTcpProxy(sshd.access);
      await using connection = await openConnection(
        { ...sshd.access, port: proxy.port },
        { signal: never, onHostKey: () => expect.unreachable() },
      );
      let bytes = 0;
      const options = {
        signal: never,
        onBytes(count: number) {
          bytes += count;
          if (bytes > 3_000_000) proxy.cut();
        },
      };
      const tree = await surveyTree(join(here, 'big'));
      const copying =
        direction === 'there'
          ? putTree(connection, { tree, name: 'x', to: '~/x', isOneOfSeveral: false, user: null }, options)
          : getTree(connection, { from: '~/big', path: join(here, 'x'), user: null }, options);
      await expect(copying).rejects.toMatchObject({ name: 'ConnectionError', problem: 'lost' });
      await until(async () => (await readdir(sshd.home)).length === 1);
      expect(await readdir(here)).toEqual(['big']);
    }
    await rm(here, { recursive: true });
  });
});

describeWhere(OPENSSH.missing === undefined)('copying as a user who is not root', () => {
  it.each(['tar', 'busybox'])('merges directories that may not be written: %s', async (tar) => {
    const here = await mkdtemp(join(tmpdir(), 'plan-closed-'));
    await chmod(here, 0o755);
    await mkdir(join(here, 'bin'));
    await symlink(join('/bin', tar), join(here, 'bin', 'tar'));
    await using world = await startWorld({
      users: [{ name: 'ann', uid: 47_341 }],
      environment: `PATH=${join(here, 'bin')}:/usr/bin:/bin`,
    });
    await using connection = await openConnection(world.accessOf('ann'), {
      signal: never,
      onHostKey: () => expect.unreachable(),
    });
    await mkdir(join(here, 'tree', 'closed', 'below'), { recursive: true });
    await mkdir(join(here, 'tree', 'new'));
    await writeFile(join(here, 'tree', 'closed', 'below', 'f'), 'f');
    for (const name of ['closed/below', 'closed', 'new']) await chmod(join(here, 'tree', name), 0o555);
    const tree = await surveyTree(join(here, 'tree'));
    const request = { tree, name: '.', to: 'tree', isOneOfSeveral: false, user: null };
    await connection.exec('mkdir -p tree/closed', { signal: never });
    await putTree(connection, request, { signal: never });
    const { stdout } = await connection.exec('cd tree && find . -printf "%m %P\\n" | sort', {
      signal: never,
    });
    expect(stdout.toString()).toBe('555 closed/below\n555 new\n644 closed/below/f\n755 \n755 closed\n');
    await connection.exec('chmod 500 tree/closed tree/closed/below', { signal: never });
    await expect(putTree(connection, request, { signal: never })).rejects.toThrow(
      /^Cannot copy ".*" to "tree": cannot write '\.\/tree\/closed\/below\/f': Permission denied$/,
    );
    await rm(here, { recursive: true });
  });
});
