import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openConnection } from '../../src/connection/open.ts';
import type { SshAccess } from '../../src/machine.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';
import { startTcpProxy } from './tcp-proxy.ts';

const never = new AbortController().signal;
const missing = sshdMissing();
const options = { signal: never, onHostKey: () => undefined };

describe.skipIf(missing !== undefined)(`a host in trouble${missing ? `: ${missing}` : ''}`, () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd[Symbol.asyncDispose]());
  afterEach(() => {
    vi.useRealTimers();
  });

  async function open(change: Partial<SshAccess>): Promise<void> {
    await using connection = await openConnection({ ...sshd.access, ...change }, options);
    await connection.exec(':', options);
  }
  /** A server that does something with each connection. */
  async function server(
    serve: (socket: Socket) => void,
  ): Promise<AsyncDisposable & { readonly port: number }> {
    const sockets = new Set<Socket>();
    const listening = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      serve(socket);
    }).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    return {
      port: (listening.address() as AddressInfo).port,
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy();
        listening.close();
        await once(listening, 'close');
      },
    };
  }

  it('that refuses is worth another try', async () => {
    const { port } = await (async () => {
      await using there = await server(() => undefined);
      return there;
    })();
    await expect(open({ port })).rejects.toMatchObject({
      problem: 'unreachable',
      message: `Cannot connect to "127.0.0.1:${port}": connect ECONNREFUSED 127.0.0.1:${port}`,
    });
  });

  it.each([
    ['at once', (socket: Socket) => socket.resetAndDestroy()],
    ['after a word of its own', (socket: Socket) => socket.end('Exceeded MaxStartups\r\n')],
    ['after its banner', (socket: Socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['talking of something else', (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('that hangs up in the handshake is worth another try: %s', async (_name, serve) => {
    await using there = await server(serve);
    await expect(open({ port: there.port })).rejects.toMatchObject({
      problem: 'unreachable',
      message: expect.stringContaining(`Cannot connect to "127.0.0.1:${there.port}": `) as unknown,
    });
  });

  it('that hangs up in the middle of exchanging keys is worth another try', async () => {
    await using proxy = await startTcpProxy(sshd.access);
    let chunks = 0;
    proxy.onServerBytes = () => {
      chunks += 1;
      if (chunks === 2) proxy.cut();
    };
    await expect(open({ port: proxy.port })).rejects.toMatchObject({ problem: 'unreachable' });
  });

  it('that is down is given up after 10 s', async () => {
    // Who does not take the connections that wait lets none wait any more: the next ones get no answer at all.
    const deaf = spawn('perl', [
      '-MIO::Socket::INET',
      '-e',
      '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1); $| = 1; print $s->sockport, "\\n"; <STDIN>',
    ]);
    const [line] = (await once(deaf.stdout, 'data')) as [Buffer];
    const port = Number(line);
    const waiting = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(waiting.slice(0, 2).map((socket) => once(socket, 'connect')));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const opening = expect(open({ port })).rejects.toMatchObject({
      problem: 'unreachable',
      message: `Cannot connect to "127.0.0.1:${port}": no answer within 10 s`,
    });
    while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(10_000);
    await opening;
    for (const socket of waiting) socket.destroy();
    deaf.kill();
    await once(deaf, 'exit');
  });

  it('that falls silent is lost after 40 s', async () => {
    const told = { silent: false };
    await using there = await server((socket) => {
      const upstream = connect(sshd.access.port, '127.0.0.1').on('error', () => undefined);
      socket.pipe(upstream);
      upstream.on('data', (chunk) => told.silent || socket.write(chunk));
      socket.once('close', () => upstream.destroy());
    });
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const connection = await openConnection({ ...sshd.access, port: there.port }, options);
    const running = connection.exec('echo begun; sleep 20', {
      ...options,
      onStdout: () => (told.silent = true),
    });
    let isOver = false;
    const end = running.then(
      () => expect.unreachable(),
      (error: unknown) => {
        isOver = true;
        expect(error).toMatchObject({
          problem: 'lost',
          message: expect.stringContaining('Keepalive timeout') as unknown,
        });
      },
    );
    while (!told.silent) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(39_999);
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    vi.advanceTimersByTime(1);
    await end;
    await connection[Symbol.asyncDispose]();
  });
});
