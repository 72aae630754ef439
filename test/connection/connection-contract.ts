import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { openConnection as openDirectly } from '../../src/connection/open.ts';
import type { Access, SshAccess } from '../../src/machine.ts';
import { sshAccess } from '../support/ssh-access.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import { describeWhere, itWhere } from '../support/applying.ts';

/** A machine that can be reached; by SSH: its host key is known. */
export interface ReachableMachine extends AsyncDisposable {
  readonly access: Access;
  /** A shell word for the directory that relative paths start from; absent: the home. */
  readonly relativeTo?: string;
  /** The address at which servers of this process are reached from the machine; absent: that of SSH, else 127.0.0.1. */
  readonly servers?: string;
  /** Breaks all its connections; by SSH the suite does that itself. */
  readonly cut?: () => void;
}

/** What a kind of connection may lack, so that nothing can be said of it. */
export type Lack =
  /** Host keys, logins, a port. */
  | 'ssh'
  /** Breaking. */
  | 'cut'
  /** A word for the signal that ended a command: its exit code is 128 and the signal's number. */
  | 'signals';

type Options = Partial<Parameters<typeof openDirectly>[1]>;

const never = new AbortController().signal;

/** What holds for every connection to every machine. */
export function connectionContract(
  name: string,
  start: () => Promise<ReachableMachine>,
  lacks: ReadonlySet<Lack> = new Set(),
  openConnection: typeof openDirectly = openDirectly,
): void {
  const overSsh = !lacks.has('ssh');

  describe(name, () => {
    let machine: ReachableMachine;
    let there: string;
    let servers: string;
    let proxy: TcpProxy;
    let connection: Connection;

    beforeAll(async () => {
      machine = await start();
      const { access } = machine;
      there = machine.relativeTo ?? '~';
      servers = machine.servers ?? (overSsh ? sshAccess(access).host : '127.0.0.1');
      if (overSsh) proxy = await startTcpProxy(sshAccess(access));
      connection = await open();
    });
    afterAll(async () => {
      await connection[Symbol.asyncDispose]();
      if (overSsh) await proxy[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    });

    async function open(options: Options = {}): Promise<Connection> {
      if (overSsh) return await openAs({}, options);
      return await openConnection(machine.access, {
        signal: never,
        onHostKey: () => expect.unreachable(),
        ...options,
      });
    }
    async function openAs(change: Partial<SshAccess>, options: Options = {}): Promise<Connection> {
      const access = { ...sshAccess(machine.access), host: '127.0.0.1', port: proxy.port, ...change };
      return await openConnection(access, { signal: never, onHostKey: () => undefined, ...options });
    }
    function cut(): void {
      if (overSsh) proxy.cut();
      else machine.cut?.();
    }
    async function run(command: string, stdin?: Buffer | string | Readable) {
      return await connection.exec(command, { signal: never, ...(stdin === undefined ? {} : { stdin }) });
    }

    describe('ready()', () => {
      it('succeeds where commands can be run, and is nothing that a program sees', async () => {
        const options = { signal: never };
        for (const times of [1, 2]) {
          for (let i = 0; i < times; i += 1)
            expect(await connection.ready(options)).toMatchObject({ exitCode: 0, exitSignal: null });
          const program = Buffer.from('cat; echo "$# ${word-}"; echo to >&2; exit 3\nrest');
          const result = await run('exec sh -s', program);
          expect([result.exitCode, String(result.stdout), String(result.stderr)]).toEqual([
            3,
            expect.stringMatching(/^(rest)?0 \n$/),
            'to\n',
          ]);
        }
      });

      it('rejects when it is cancelled', async () => {
        const reason = new Error('enough');
        await expect(connection.ready({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        const controller = new AbortController();
        const asked = connection.ready(controller);
        controller.abort(reason);
        await expect(asked).rejects.toBe(reason);
      });
    });

    describe('exec()', () => {
      it('tells output, errors and exit code apart', async () => {
        const result = await run('echo out; echo err >&2; exit 7');
        expect({ ...result, stdout: String(result.stdout), stderr: String(result.stderr) }).toEqual({
          exitCode: 7,
          exitSignal: null,
          stdout: 'out\n',
          stderr: 'err\n',
        });
      });

      it('resolves with every exit code', async () => {
        for (const code of [0, 1, 126, 127, 128, 143, 255]) {
          expect((await run(`exit ${code}`)).exitCode).toBe(code);
        }
      });

      itWhere(overSsh)('misses nothing when a whole answer comes in one packet', async () => {
        proxy.gather = 40;
        const result = await run('echo all; exit 6');
        proxy.gather = 0;
        expect([result.exitCode, String(result.stdout)]).toEqual([6, 'all\n']);
      });

      it('names the signal that ended a command', async () => {
        for (const [name, number] of Object.entries({ KILL: 9, TERM: 15 })) {
          const end = lacks.has('signals')
            ? { exitCode: 128 + number, exitSignal: null }
            : { exitCode: null, exitSignal: name };
          expect(await run(`kill -s ${name} $$`)).toMatchObject(end);
        }
      });

      it('passes 10 MB of output on in order', async () => {
        const lines = 1_600_000;
        const { stdout } = await run(`seq 1 ${lines}`);
        expect(stdout.length).toBeGreaterThan(10_000_000);
        expect(stdout.toString('latin1')).toBe(
          Array.from({ length: lines }, (_, i) => `${i + 1}\n`).join(''),
        );
      });

      it('gives output to listeners as it comes and keeps none of it', async () => {
        const out: Buffer[] = [];
        const err: Buffer[] = [];
        const result = await connection.exec('printf "a\\0b"; printf c >&2', {
          signal: never,
          onStdout: (chunk) => out.push(chunk),
          onStderr: (chunk) => err.push(chunk),
        });
        expect([Buffer.concat(out).toString(), Buffer.concat(err).toString()]).toEqual(['a\0b', 'c']);
        expect(result.stdout.length + result.stderr.length).toBe(0);
      });

      it('feeds a command with a buffer, a string, a stream or nothing', async () => {
        const bytes = randomBytes(3_000_000);
        expect((await run('cat', bytes)).stdout.equals(bytes)).toBe(true);
        expect(String((await run('cat', 'grüße\n')).stdout)).toBe('grüße\n');
        const chunks = Array.from({ length: 300 }, (_, i) => bytes.subarray(i * 10_000, (i + 1) * 10_000));
        expect((await run('cat', Readable.from(chunks))).stdout.equals(bytes)).toBe(true);
        expect((await run('cat')).stdout.length).toBe(0);
      });

      it('rejects with the error of the stream that feeds a command', async () => {
        const error = new Error('unreadable');
        const stdin = new Readable({ read: () => stdin.destroy(error) });
        await expect(run('cat', stdin)).rejects.toBe(error);
      });

      it('does not wait for a command to read what it is fed with', async () => {
        expect((await run('exit 3', randomBytes(5_000_000))).exitCode).toBe(3);
        expect(
          (await run('exit 4', Readable.from(Array.from({ length: 50 }, () => randomBytes(100_000)))))
            .exitCode,
        ).toBe(4);
      });

      it('runs more commands at once than a server has sessions', async () => {
        const codes = await Promise.all(Array.from({ length: 30 }, (_, i) => run(`sleep 0.01; exit ${i}`)));
        expect(codes.map(({ exitCode }) => exitCode)).toEqual(Array.from({ length: 30 }, (_, i) => i));
      });

      it('rejects with the reason of its signal, before and while a command runs, and others go on', async () => {
        const reason = new Error('enough');
        await expect(connection.exec('true', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        const controller = new AbortController();
        const other = run('sleep 0.3; echo done');
        const aborted = connection.exec('echo begun; cat', {
          signal: controller.signal,
          stdin: new Readable({ read: () => undefined }),
          onStdout: () => controller.abort(reason),
        });
        await expect(aborted).rejects.toBe(reason);
        expect(String((await other).stdout)).toBe('done\n');
      });

      it('aborts while it waits for a session, and gives every place back', async () => {
        const controllers = Array.from({ length: 20 }, () => new AbortController());
        const all = controllers.map(({ signal }) => connection.exec('sleep 5', { signal }));
        controllers.forEach((controller) => controller.abort(new Error('stop')));
        const ends = await Promise.allSettled(all);
        expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
        expect((await run('echo ok')).exitCode).toBe(0);
      });
    });

    describe('upload() and download()', () => {
      const content: Readonly<Record<string, Buffer>> = {
        empty: Buffer.alloc(0),
        'plain.txt': Buffer.from('a line\n'),
        'no newline': Buffer.from("it's \\n %s $HOME `id` \r\n\\"),
        "quote's “name” $x.bin": Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
        'deep/er/still': Buffer.from('x\0y'),
        '-dash': Buffer.from('-\0d'),
        large: randomBytes(2_000_000),
      };

      it('moves bytes both ways, whatever they are and however the file is called', async () => {
        const files = Object.entries(content).map(([path, bytes]) => ({
          path: `up/${path}`,
          mode: 0o640,
          bytes,
        }));
        await connection.upload(files, { signal: never });
        for (const { path, bytes } of files) {
          expect((await connection.download(path, { signal: never })).equals(bytes), path).toBe(true);
        }
        expect(
          String((await run(`cd ${there}; find up -name "*tmp*"; stat -c %a up/plain.txt up/large`)).stdout),
        ).toBe('640\n640\n');
      });

      it('sets modes, replaces files, takes absolute paths and those of the home', async () => {
        const home = String((await run('cd && pwd')).stdout).trim();
        const directory = String((await run(`cd ${there} && pwd`)).stdout).trim();
        const put = (path: string, mode: number, text: string) =>
          connection.upload([{ path, mode, bytes: Buffer.from(text) }], { signal: never });
        await put('~/modes/a', 0o755, '#!/bin/sh\necho one');
        await put(`${home}/modes/a`, 0o700, '#!/bin/sh\necho two');
        expect(String((await run('cd; stat -c %a modes/a; modes/a')).stdout)).toBe('700\ntwo\n');
        expect(String(await connection.download('~/modes/a', { signal: never }))).toBe('#!/bin/sh\necho two');
        await put('relative', 0o600, 'here');
        expect(String(await connection.download(`${directory}/relative`, { signal: never }))).toBe('here');
      });

      it('uploads hundreds of files in few round trips', async () => {
        const files = Array.from({ length: 200 }, (_, i) => ({
          path: `many/${i}`,
          mode: 0o600,
          bytes: Buffer.from(String(i)),
        }));
        await connection.upload(files, { signal: never });
        expect(String((await run(`cd ${there}; cd many; ls | wc -l; cat 199`)).stdout)).toMatch(
          /^\s*200\n199$/,
        );
      });

      it('uploads megabytes of small files', async () => {
        const files = Array.from({ length: 40 }, (_, i) => ({
          path: `much/${i}`,
          mode: 0o600,
          bytes: randomBytes(60_000),
        }));
        await connection.upload(files, { signal: never });
        for (const { path, bytes } of files.filter((_, i) => i % 13 === 0)) {
          expect((await connection.download(path, { signal: never })).equals(bytes), path).toBe(true);
        }
      });

      it('says why a file cannot be written or read', async () => {
        await run(`mkdir -p ${there}/a-directory`);
        const upload = connection.upload([{ path: 'a-directory', mode: 0o600, bytes: Buffer.from('x') }], {
          signal: never,
        });
        await expect(upload).rejects.toMatchObject({
          problem: 'failed',
          message: /^Cannot upload "a-directory": .*directory/,
        });
        const large = { path: 'a-directory', mode: 0o600, bytes: randomBytes(100_000) };
        await expect(connection.upload([large], { signal: never })).rejects.toMatchObject({
          problem: 'failed',
        });
        const download = connection.download('no/such', { signal: never });
        await expect(download).rejects.toMatchObject({
          problem: 'failed',
          message: /^Cannot download "no\/such": .*no such file/i,
        });
      });
    });

    describe('forward()', () => {
      it('reaches a port of the machine, both ways, until both ends have said all', async () => {
        const bytes = randomBytes(3_000_000);
        const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
        server.listen(0, servers);
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const stream = await connection.forward({ host: servers, port }, { signal: never });
        stream.end(bytes);
        expect((await buffer(stream)).equals(bytes)).toBe(true);

        const given = await connection.forward({ host: servers, port }, { signal: never });
        given.destroy();
        await once(given, 'close');
        server.close();
        await once(server, 'close');
      });

      it('closes when the other side does, whatever is still to be written', async () => {
        const server = createServer((socket) => socket.on('error', () => undefined).destroy());
        server.listen(0, servers);
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const stream = await connection.forward({ host: servers, port }, { signal: never });
        const closed = once(stream.resume(), 'close');
        stream.write(randomBytes(10_000_000));
        await closed;
        server.close();
      });

      it('fails where nothing listens', async () => {
        const forward = connection.forward({ host: servers, port: 1 }, { signal: never });
        await expect(forward).rejects.toMatchObject({ problem: 'failed' });
      });
    });

    describe('a connection that breaks', () => {
      itWhere(!lacks.has('cut'))(
        'rejects everything that is under way, and everything after, as lost',
        async () => {
          let lost = 0;
          const doomed = await open({ onLost: () => (lost += 1) });
          const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, servers);
          await once(server, 'listening');
          const { port } = server.address() as AddressInfo;
          const stream = await doomed.forward({ host: servers, port }, { signal: never });
          const streamError = once(stream, 'error');
          const pending = [
            ...Array.from({ length: 10 }, () =>
              doomed.exec('echo begun; sleep 3', { signal: never, onStdout: cut }),
            ),
            doomed.upload([{ path: 'lost', mode: 0o600, bytes: randomBytes(20_000_000) }], { signal: never }),
          ];
          const ends = await Promise.allSettled(pending);
          for (const end of ends)
            expect(end).toMatchObject({ status: 'rejected', reason: { problem: 'lost' } });
          expect(await streamError).toMatchObject([{ problem: 'lost' }]);
          await expect(doomed.exec('true', { signal: never })).rejects.toMatchObject({ problem: 'lost' });
          expect(lost).toBe(1);
          await doomed[Symbol.asyncDispose]();
          server.close();
          connection = await open();
        },
      );

      it('is not lost when it is disposed of, but what is under way is', async () => {
        let lost = 0;
        const other = await open({ onLost: () => (lost += 1) });
        const pending = other.exec('sleep 3', { signal: never });
        const end = expect(pending).rejects.toMatchObject({ problem: 'lost' });
        await other[Symbol.asyncDispose]();
        await end;
        await other[Symbol.asyncDispose]();
        expect(lost).toBe(0);
      });
    });

    describe('opening', () => {
      it('is not begun once it is cancelled', async () => {
        const reason = new Error('enough');
        await expect(open({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      });
    });

    describeWhere(overSsh)('opening by SSH', () => {
      it('tells the host key when none was known, and nothing otherwise', async () => {
        const told: string[] = [];
        const onHostKey = (hostKey: string) => told.push(hostKey);
        await using first = await openAs({ hostKey: null }, { onHostKey });
        await first.exec('true', { signal: never });
        await using second = await openAs({ hostKey: told[0] ?? '' }, { onHostKey });
        await second.exec('true', { signal: never });
        expect(told).toEqual([sshAccess(machine.access).hostKey?.split(' ').slice(0, 2).join(' ')]);
      });

      it('refuses another host key before anything is sent, and says which and what to do', async () => {
        const hostKey = `ssh-ed25519 ${ed25519Blob().toString('base64')}`;
        const problem = {
          problem: 'host-key',
          message: /^Cannot trust .* SHA256:\S+, SHA256:\S+ is known\n.*replace it/,
        };
        await expect(openAs({ hostKey })).rejects.toMatchObject(problem);
        const other = `ecdsa-sha2-nistp521 ${randomBytes(40).toString('base64')}`;
        await expect(openAs({ hostKey: other })).rejects.toMatchObject({ problem: 'host-key' });
      });

      it('says which key was refused, and which cannot be used', async () => {
        const directory = await mkdtemp(join(tmpdir(), 'plan-keys-'));
        const privateKey = join(directory, 'stranger');
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', privateKey]);
        await writeFile(join(directory, 'nonsense'), 'x');
        await expect(openAs({ privateKey })).rejects.toMatchObject({
          problem: 'authentication',
          message: /was refused/,
        });
        for (const path of [join(directory, 'nonsense'), join(directory, 'none')]) {
          await expect(openAs({ privateKey: path })).rejects.toMatchObject({
            problem: 'authentication',
            message: /private key/,
          });
        }
        await rm(directory, { recursive: true });
      });

      it('calls a machine that does not answer unreachable', async () => {
        await expect(openAs({ port: 1 })).rejects.toMatchObject({
          problem: 'unreachable',
          message: /ECONNREFUSED/,
        });
        const mute = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
        await once(mute, 'listening');
        const { port } = mute.address() as AddressInfo;
        await expect(openAs({ port })).rejects.toMatchObject({ problem: 'unreachable' });
        mute.close();
      });

      it('is cancelled at every stage', async () => {
        const reason = new Error('enough');
        await expect(openAs({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        for (let seen = 1; seen <= 4; seen += 1) {
          const controller = new AbortController();
          let chunks = 0;
          proxy.onServerBytes = () => {
            chunks += 1;
            if (chunks === seen) controller.abort(reason);
          };
          await expect(openAs({}, { signal: controller.signal })).rejects.toBe(reason);
        }
        proxy.onServerBytes = undefined;
      });
    });
  });
}

function ed25519Blob(): Buffer {
  const text = (value: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, value.length]), value]);
  return Buffer.concat([text(Buffer.from('ssh-ed25519')), text(randomBytes(32))]);
}
