import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpener } from '../../src/connection/open.ts';
import { createConnectionPool } from '../../src/connection/pool.ts';
import type { HostTrust, JumpHost, SshAccess } from '../../src/machine.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';
import { until } from '../support/until.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import { keyOf } from '../support/ssh-access.ts';

const never = new AbortController().signal;
const missing = sshdMissing();
const PIN: HostTrust = { kind: 'pin-first' };

describe.skipIf(missing !== undefined)(`a machine behind others${missing ? `: ${missing}` : ''}`, () => {
  let directory: string;
  let known: string;
  let target: Sshd;
  let gate: Sshd;
  let inner: Sshd;
  let proxy: TcpProxy;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'plan-bastion-'));
    known = join(directory, 'known_hosts');
    target = await startSshd();
    const privateKey = keyOf(target.access);
    gate = await startSshd({ privateKey });
    inner = await startSshd({ privateKey, config: ['PermitOpen 127.0.0.1:*'] });
    proxy = await startTcpProxy(gate.access);
    await writeFile(known, `[127.0.0.1]:${proxy.port} ${gate.access.hostKey ?? ''}\n`);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await Promise.all([target, gate, inner].map((sshd) => sshd[Symbol.asyncDispose]()));
    await rm(directory, { recursive: true });
  });

  function opener(linger = 0) {
    return createOpener({ knownHosts: [known], linger });
  }
  function hop(port: number): JumpHost {
    return { user: 'root', host: '127.0.0.1', port };
  }
  function access(change: Partial<SshAccess> = {}): SshAccess {
    return { ...target.access, jump: [hop(proxy.port)], ...change };
  }
  const options = { signal: never, onHostKey: () => undefined };
  async function loginsAt(sshd: Sshd): Promise<number> {
    return (await sshd.log()).split('Accepted publickey').length - 1;
  }
  async function untilIdle(sshd: Sshd, logins: number): Promise<void> {
    const closed = async () => (await sshd.log()).split('Disconnected from user').length - 1;
    while ((await closed()) < logins) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  it('is one of many that share one connection to the host between, which ends with the last', async () => {
    const before = await loginsAt(gate);
    const accepted = proxy.accepted();
    const pool = createConnectionPool({ open: opener().open, handshakes: 4 });
    const names = Array.from({ length: 12 }, (_, i) => `web-${i}`);
    const told = await Promise.all(
      names.map((key) =>
        pool.use({ key, access: access() }, { signal: never }, async (connection) =>
          String((await connection.exec(`echo ${key} $SSH_CONNECTION`, { signal: never })).stdout),
        ),
      ),
    );
    expect(told.map((line) => line.split(' ')[0])).toEqual(names);
    expect(proxy.accepted() - accepted).toBe(1);
    for (const key of names.slice(1)) pool.release(key);
    await pool.use({ key: 'web-0', access: access() }, { signal: never }, async (connection) => {
      expect((await connection.exec('exit 3', { signal: never })).exitCode).toBe(3);
    });
    expect((await loginsAt(gate)) - before).toBe(1);
    await pool[Symbol.asyncDispose]();
    await untilIdle(gate, before + 1);
    await pool[Symbol.asyncDispose]();
  });

  it('finds the host between still open after a pause without machines, until the opener ends', async () => {
    const before = await loginsAt(gate);
    const accepted = proxy.accepted();
    {
      await using lasting = opener(60_000);
      for (let i = 0; i < 3; i += 1) {
        await using connection = await lasting.open(access(), options);
        expect((await connection.exec('exit 3', { signal: never })).exitCode).toBe(3);
      }
    }
    expect(proxy.accepted() - accepted).toBe(1);
    await untilIdle(gate, before + 1);
  });

  it('closes the host between when no machine has needed it for a while', async () => {
    const before = await loginsAt(gate);
    const passing = opener(20);
    const connection = await passing.open(access(), options);
    await connection[Symbol.asyncDispose]();
    await untilIdle(gate, before + 1);
  });

  it('opens the host between again when it was lost, and when it was given back', async () => {
    const { open } = opener();
    let lost = 0;
    const first = await open(access(), { ...options, onLost: () => (lost += 1) });
    const second = await open(access(), options);
    const running = second.exec('sleep 5', { signal: never });
    const end = expect(running).rejects.toMatchObject({ problem: 'lost' });
    const accepted = proxy.accepted();
    proxy.cut();
    await end;
    await until(() => lost === 1);
    for (let i = 1; i <= 2; i += 1) {
      const connection = await open(access(), options);
      expect((await connection.exec('exit 3', { signal: never })).exitCode).toBe(3);
      await connection[Symbol.asyncDispose]();
      expect(proxy.accepted() - accepted).toBe(i);
    }
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
  });

  it('is reached through a chain', async () => {
    const { port } = inner.access;
    await writeFile(known, `\n[127.0.0.1]:${port} ${inner.access.hostKey ?? ''}\n`, { flag: 'a' });
    const before = [await loginsAt(gate), await loginsAt(inner)];
    {
      await using connection = await opener().open(
        access({ jump: [hop(proxy.port), hop(port)], hostKey: null }),
        options,
      );
      const { stdout } = await connection.exec('echo "$SSH_CONNECTION"', { signal: never });
      expect(String(stdout)).toContain(` ${target.access.port}`);
      expect([await loginsAt(gate), await loginsAt(inner)]).toEqual(before.map((logins) => logins + 1));
    }
    const endsAt = async () => (await gate.log()).split('Disconnected from user').length;
    const ends = await endsAt();
    {
      await using lasting = opener(60_000);
      const chain = access({ jump: [hop(proxy.port), hop(port)], hostKey: null });
      await (await lasting.open(chain, options))[Symbol.asyncDispose]();
    }
    // Every host between is given back with the opener, the first one too.
    await until(async () => (await endsAt()) > ends);
    const closed = { ...access({ jump: [hop(proxy.port), hop(port)] }), port: 1 };
    await expect(opener().open(closed, options)).rejects.toMatchObject({ problem: 'unreachable' });
  });

  it('is not reached through a host that the known hosts lack, unless the first key is pinned', async () => {
    const jump = [hop(gate.access.port)];
    const refusal = {
      problem: 'host-key',
      message: expect.stringMatching(
        /not in the known hosts.*\n.*"ssh -p \d+ root@127.0.0.1".*pinFirst/,
      ) as unknown,
    };
    await expect(opener().open(access({ jump }), options)).rejects.toMatchObject(refusal);
    await using _pinned = await opener().open(access({ jump, trust: PIN }), options);
  });

  it('refuses a host between whose pinned key changed', async () => {
    await using first = await startSshd({ privateKey: keyOf(target.access) });
    const { open } = opener();
    const jump = [hop(first.access.port)];
    const connection = await open(access({ jump, trust: PIN }), options);
    await connection[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await using _second = await startSshd({
      privateKey: keyOf(target.access),
      port: first.access.port,
    });
    await expect(open(access({ jump, trust: PIN }), options)).rejects.toMatchObject({ problem: 'host-key' });
    await expect(opener().open(access({ jump, trust: PIN, port: 1 }), options)).rejects.toMatchObject({
      problem: 'unreachable',
    });
  });

  it('judges the machine itself too', async () => {
    const hostKey = gate.access.hostKey;
    await expect(opener().open(access({ hostKey }), options)).rejects.toMatchObject({
      problem: 'host-key',
      message: expect.stringMatching(/^Cannot trust "127.0.0.1:\d+" through "127.0.0.1:\d+"/) as unknown,
    });
  });

  it('says who does not answer, and who may not forward', async () => {
    await expect(opener().open(access({ port: 1 }), options)).rejects.toMatchObject({
      problem: 'unreachable',
      message: expect.stringMatching(/^Cannot connect to "127.0.0.1:1" through "127.0.0.1:\d+"/) as unknown,
    });
    await expect(opener().open(access({ jump: [hop(1)], trust: PIN }), options)).rejects.toMatchObject({
      problem: 'unreachable',
      message: expect.stringMatching(/ECONNREFUSED/) as unknown,
    });
    await using closed = await startSshd({
      privateKey: keyOf(target.access),
      config: ['AllowTcpForwarding no'],
    });
    await expect(
      opener().open(access({ jump: [hop(closed.access.port)], trust: PIN }), options),
    ).rejects.toMatchObject({
      problem: 'failed',
      message: expect.stringMatching(/AllowTcpForwarding/) as unknown,
    });
  });

  it('gives up when it is told to, and the others go on', async () => {
    const { open } = opener();
    const reason = new Error('enough');
    const cancel = new AbortController();
    const cancelled = open(access(), { ...options, signal: cancel.signal });
    const opening = open(access(), options);
    const end = expect(cancelled).rejects.toBe(reason);
    cancel.abort(reason);
    await end;
    await using connection = await opening;
    expect((await connection.exec('exit 3', { signal: never })).exitCode).toBe(3);
    const late = new AbortController();
    const mute = await startTcpProxy({ host: '127.0.0.1', port: proxy.port });
    mute.onServerBytes = () => late.abort(reason);
    const stuck = open(access({ jump: [hop(mute.port)], trust: PIN }), { ...options, signal: late.signal });
    await expect(stuck).rejects.toBe(reason);
    await mute[Symbol.asyncDispose]();
    await expect(open(access(), { ...options, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('keeps its home apart from that of the host between', async () => {
    await using connection = await opener().open(access(), options);
    await connection.upload([{ path: '~/here', mode: 0o600, bytes: Buffer.from('x') }], { signal: never });
    expect(await readFile(join(target.home, 'here'), 'utf8')).toBe('x');
    await expect(readFile(join(gate.home, 'here'))).rejects.toThrow('ENOENT');
  });
});
