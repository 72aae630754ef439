import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { PrivateKeyError } from '../../../src/connection/private-key-error.ts';
import { keepersOf, wordsOf } from '../../support/keepers.ts';
import { sshdMissing, startSshd } from '../../support/sshd.ts';
import type { Sshd } from '../../support/sshd.ts';
import { startWorld } from '../../support/sshd-world.ts';
import { until } from '../../support/until.ts';
import { startTcpProxy } from '../tcp-proxy.ts';
import { keptState, loginsAt, outputOf, runOnce } from './kept.ts';

const never = new AbortController().signal;
const missing = sshdMissing();

/** Sessions of the server, one for each connection. */
function sessionsOf({ directory }: Sshd): readonly string[] {
  const pid = readFileSync(join(directory, 'pid'), 'utf8').trim();
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
}

describe.skipIf(missing !== undefined)(`kept connections${missing ? `: ${missing}` : ''}`, () => {
  it('are logged in once for all commands that follow one another', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    const target = { key: 'a', access: sshd.access };
    for (let i = 0; i < 4; i += 1) expect(await runOnce(state, target)).toBe('fine\n');
    expect(await loginsAt(sshd)).toBe(1);
    expect(keepersOf(state.directory)).toHaveLength(1);
  });

  it('are shared by commands that go on at the same time, and serve all that a connection does', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    const target = { key: 'a', access: sshd.access };
    await runOnce(state, target);
    await using first = state.command();
    await using second = state.command();
    const server = createServer((socket) => socket.end('from there')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const outputs = await Promise.all([
      outputOf(first, target, 'sleep 0.2; echo 1'),
      outputOf(second, target, 'sleep 0.2; echo 2'),
      first.use(target, { signal: never }, async (connection) => {
        await connection.upload([{ path: 'up', mode: 0o600, bytes: Buffer.from('and back') }], {
          signal: never,
        });
        return String(await connection.download('up', { signal: never }));
      }),
      second.use(target, { signal: never }, async (connection) =>
        text(await connection.forward({ host: '127.0.0.1', port }, { signal: never })),
      ),
    ]);
    server.close();
    expect(outputs).toEqual(['1\n', '2\n', 'and back', 'from there']);
    expect(await loginsAt(sshd)).toBe(1);
  });

  it('are closed some time after their last use, and their keeper ends with them', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    {
      await using pool = state.command({ keep: 50 });
      expect(await outputOf(pool, { key: 'a', access: sshd.access }, 'echo fine')).toBe('fine\n');
    }
    await until(() => sessionsOf(sshd).length === 0);
    await until(() => keepersOf(state.directory).length === 0);
  });

  it('lead to exactly what is meant: another machine, user, key or host key is logged in to by itself', async () => {
    await using world = await startWorld({
      users: [
        { name: 'ann', uid: 47_321 },
        { name: 'bob', uid: 47_322 },
      ],
    });
    await using state = await keptState();
    const ann = { key: 'a', access: world.accessOf('ann') };
    const others = [
      ann,
      { ...ann, key: 'b' },
      { key: 'a', access: world.accessOf('bob') },
      { key: 'a', access: { ...ann.access, host: 'localhost' } },
      { ...ann, password: 'of no use' },
    ];
    const names: string[] = [];
    for (const target of [...others, ...others]) names.push(await runOnce(state, target, 'id -un'));
    expect(names.map((name) => name.trim())).toEqual([
      'ann',
      'ann',
      'bob',
      'ann',
      'ann',
      'ann',
      'ann',
      'bob',
      'ann',
      'ann',
    ]);
    expect(await loginsAt(world)).toBe(others.length);
  });

  it('are not used where another host key is known, which the machine is asked for again', async () => {
    await using sshd = await startSshd();
    await using another = await startSshd();
    await using state = await keptState();
    await runOnce(state, { key: 'a', access: sshd.access });
    const access = { ...sshd.access, hostKey: another.access.hostKey };
    await expect(runOnce(state, { key: 'a', access })).rejects.toMatchObject({
      problem: 'host-key',
      message: expect.stringContaining('Cannot trust') as string,
    });
    const privateKey = another.access.privateKey;
    await expect(runOnce(state, { key: 'a', access: { ...sshd.access, privateKey } })).rejects.toMatchObject({
      problem: 'authentication',
      message: expect.stringContaining('was refused') as string,
    });
    expect(await runOnce(state, { key: 'a', access: sshd.access })).toBe('fine\n');
    expect(await loginsAt(sshd)).toBe(1);
  });

  it('fail as others do where a private key cannot be used, which no machine has refused', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    const access = { ...sshd.access, privateKey: join(state.directory, 'none') };
    await expect(runOnce(state, { key: 'a', access })).rejects.toBeInstanceOf(PrivateKeyError);
  });

  it('tell every command the host key that was accepted when none was known', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    const told: string[] = [];
    const target = { key: 'a', access: { ...sshd.access, hostKey: null } };
    for (let i = 0; i < 2; i += 1)
      await runOnce(state, { ...target, onHostKey: (hostKey) => void told.push(hostKey) });
    expect(told).toEqual([sshd.access.hostKey, sshd.access.hostKey]);
    expect(await loginsAt(sshd)).toBe(1);
  });

  it('are opened anew where they broke meanwhile', async () => {
    await using sshd = await startSshd();
    await using proxy = await startTcpProxy(sshd.access);
    await using state = await keptState();
    const target = { key: 'a', access: { ...sshd.access, port: proxy.port } };
    await runOnce(state, target);
    proxy.cut();
    expect(await runOnce(state, target)).toBe('fine\n');
    expect(await loginsAt(sshd)).toBe(2);
  });

  it('are opened anew where nobody answers any more, as after a power cut', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    const target = { key: 'a', access: sshd.access };
    await runOnce(state, target);
    const [session = ''] = sessionsOf(sshd);
    process.kill(Number(session), 'SIGSTOP');
    try {
      expect(await runOnce(state, target)).toBe('fine\n');
      expect(await loginsAt(sshd)).toBe(2);
    } finally {
      process.kill(Number(session), 'SIGCONT');
    }
  });

  it('are opened anew where something that was begun goes on', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    const target = { key: 'a', access: sshd.access };
    {
      await using pool = state.command();
      const controller = new AbortController();
      const cancelled = pool.use(target, { signal: never }, (connection) =>
        connection.exec('trap "" HUP; echo begun; sleep 20; :', {
          signal: controller.signal,
          onStdout: () => controller.abort(new Error('enough')),
        }),
      );
      await expect(cancelled).rejects.toThrow('enough');
    }
    expect(await runOnce(state, target)).toBe('fine\n');
    expect(await loginsAt(sshd)).toBe(2);
  });

  it('are closed when their machine ends, for commands too that keep none', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    await runOnce(state, { key: 'a', access: sshd.access });
    await runOnce(state, { key: 'b', access: sshd.access });
    await until(() => sessionsOf(sshd).length === 2);
    for (const [key, left] of [
      ['a', 1],
      ['b', 0],
    ] as const) {
      await using pool = state.command({ keep: key === 'a' ? 60_000 : 0 });
      pool.discard(key);
      await until(() => sessionsOf(sshd).length === left);
    }
    await until(() => keepersOf(state.directory).length === 0);
  });

  it('keep a password in memory only', async () => {
    const password = 'open sesame';
    await using world = await startWorld({ users: [{ name: 'ann', uid: 47_323, password }] });
    await using state = await keptState();
    const access = { ...world.accessOf('ann'), privateKey: null };
    expect(await runOnce(state, { key: 'a', access, password }, 'id -un')).toBe('ann\n');
    const [pid = 0] = keepersOf(state.directory);
    const environment = wordsOf(pid, 'environ').map((word) => word.split('=')[0]);
    expect(
      environment.filter(Boolean).every((name) => /^(PATH|HOME|LD_LIBRARY_PATH|TMPDIR|TZ)$/.test(name ?? '')),
    ).toBe(true);
    expect(wordsOf(pid, 'cmdline').join(' ')).not.toContain(password);
    // It listens there, and writes nothing.
    expect(readdirSync(state.directory, { recursive: true })).toEqual(['keeper', 'keeper/socket']);
  });
});
