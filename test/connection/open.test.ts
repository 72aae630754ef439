import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpener } from '../../src/connection/open.ts';
import type { Opener } from '../../src/connection/open.ts';
import type { SshAccess } from '../../src/machine.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';

const never = new AbortController().signal;
const missing = sshdMissing();

describe.skipIf(missing !== undefined)(`createOpener()${missing ? `: ${missing}` : ''}`, () => {
  let directory: string;
  let sshd: Sshd;
  let other: Sshd;
  let file: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'plan-open-'));
    file = join(directory, 'known_hosts');
    sshd = await startSshd({ moreHostKeys: ['rsa', 'ecdsa'] });
    other = await startSshd();
  });
  afterAll(async () => {
    await sshd[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  async function keyOf(name: string, server = sshd): Promise<string> {
    return (await readFile(join(server.directory, `${name}.pub`), 'utf8')).trim();
  }
  function fingerprintOf(name: string, hash = 'sha256'): string {
    const path = join(sshd.directory, `${name}.pub`);
    return String(execFileSync('ssh-keygen', ['-l', '-E', hash, '-f', path])).split(' ')[1] ?? '';
  }
  /** Opens, runs a command, and answers what was pinned. */
  async function reach(
    change: Partial<SshAccess>,
    opener: Opener = createOpener({ knownHosts: [join(directory, 'none'), file] }),
  ): Promise<readonly string[]> {
    const pinned: string[] = [];
    const access = { ...sshd.access, hostKey: null, ...change };
    const onHostKey = (hostKey: string) => pinned.push(hostKey);
    await using connection = await opener.open(access, { signal: never, onHostKey });
    expect((await connection.exec('exit 3', { signal: never })).exitCode).toBe(3);
    return pinned;
  }
  function fingerprintTrust(fingerprint: string) {
    return { trust: { kind: 'fingerprint', fingerprint } } as const;
  }
  const knownHosts = { trust: { kind: 'known-hosts' } } as const;
  function place(server = sshd): string {
    return `[127.0.0.1]:${server.access.port}`;
  }

  describe('with a fingerprint', () => {
    it.each(['host', 'host-rsa', 'host-ecdsa'])('finds the key of that fingerprint: %s', async (name) => {
      const pinned = await keyOf(name);
      expect(await reach(fingerprintTrust(fingerprintOf(name)))).toEqual([pinned]);
      expect(await reach(fingerprintTrust(fingerprintOf(name, 'md5')))).toEqual([pinned]);
      expect(await reach({ hostKey: pinned, ...fingerprintTrust(fingerprintOf(name)) })).toEqual([]);
    });

    it('refuses every other key before it logs in, also one that is pinned', async () => {
      const before = await sshd.log();
      const wrong = `SHA256:${'a'.repeat(43)}`;
      const refusal = {
        problem: 'host-key',
        message: expect.stringMatching(
          /^Cannot trust "127.0.0.1:\d+": it shows the host key SHA256:\S+, the plan says SHA256:a+\n/,
        ) as unknown,
      };
      await expect(reach(fingerprintTrust(wrong))).rejects.toMatchObject(refusal);
      const hostKey = await keyOf('host');
      await expect(reach({ hostKey, ...fingerprintTrust(wrong) })).rejects.toMatchObject(refusal);
      await expect(reach(fingerprintTrust(`MD5:${'00:'.repeat(15)}00`))).rejects.toMatchObject({
        message: expect.stringContaining(fingerprintOf('host', 'md5')) as unknown,
      });
      expect((await sshd.log()).slice(before.length)).not.toMatch(/Accepted|userauth/);
    });

    it('does not take a refused login for a wrong key', async () => {
      const change = { ...fingerprintTrust(fingerprintOf('host-rsa')), privateKey: other.access.privateKey };
      await expect(reach(change)).rejects.toMatchObject({ problem: 'authentication' });
    });
  });

  describe('with known hosts', () => {
    it.each([
      ['plain', false],
      ['hashed', true],
    ])('asks for the type that is known: %s', async (_name, isHashed) => {
      const key = await keyOf('host-rsa');
      await writeFile(file, `${place()} ${key}\n`);
      if (isHashed) execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
      expect(await reach(knownHosts)).toEqual([key]);
      expect(await reach({ ...knownHosts, hostKey: key })).toEqual([]);
    });

    it('accepts the key that is known of the name without the port, as OpenSSH does, and no other one', async () => {
      const key = await keyOf('host-rsa');
      await writeFile(file, `127.0.0.1 ${key}\n`);
      expect(await reach(knownHosts)).toEqual([key]);
      await writeFile(file, `127.0.0.1 ${other.access.hostKey ?? ''}\n`);
      await expect(reach(knownHosts)).rejects.toMatchObject({ problem: 'host-key' });
    });

    it('refuses a host that is unknown, and says how to make it known', async () => {
      await writeFile(file, '');
      await expect(reach(knownHosts)).rejects.toMatchObject({
        problem: 'host-key',
        message: expect.stringMatching(
          /it is not in the known hosts, and it shows the host key SHA256:\S+\n.*"ssh -p \d+ root@127.0.0.1"/,
        ) as unknown,
      });
    });

    it('refuses a key that changed, and one that is revoked', async () => {
      const key = await keyOf('host');
      await writeFile(file, `${place()} ${await keyOf('host', other)}\n`);
      await expect(reach(knownHosts)).rejects.toMatchObject({
        problem: 'host-key',
        message: expect.stringMatching(/the known hosts have SHA256:/) as unknown,
      });
      await writeFile(file, `${place()} ${key}\n@revoked * ${key}\n`);
      const revoked = { problem: 'host-key', message: expect.stringMatching(/revoked/) as unknown };
      await expect(reach(knownHosts)).rejects.toMatchObject(revoked);
      await expect(reach({ ...knownHosts, hostKey: key })).rejects.toMatchObject(revoked);
    });

    it('reads the files again after a refusal, and says which cannot be read', async () => {
      const opener = createOpener({ knownHosts: [file] });
      await writeFile(file, '');
      await expect(reach(knownHosts, opener)).rejects.toMatchObject({ problem: 'host-key' });
      await writeFile(file, `${place()} ${await keyOf('host')}\n`);
      expect(await reach(knownHosts, opener)).toHaveLength(1);
      await expect(reach(knownHosts, createOpener({ knownHosts: [directory] }))).rejects.toMatchObject({
        problem: 'host-key',
        message: expect.stringContaining('Cannot read the known hosts') as unknown,
      });
    });

    it('refuses what is not in the files of this user by default', async () => {
      await expect(reach(knownHosts, createOpener())).rejects.toMatchObject({ problem: 'host-key' });
    });
  });

  it('pins the first key that it sees, and refuses another one', async () => {
    const trust = { trust: { kind: 'pin-first' } } as const;
    const [pinned = ''] = await reach(trust);
    expect(pinned).toBe(await keyOf('host'));
    expect(await reach({ ...trust, hostKey: pinned })).toEqual([]);
    const { port, privateKey } = other.access;
    await expect(reach({ ...trust, hostKey: pinned, port, privateKey })).rejects.toMatchObject({
      problem: 'host-key',
      message: expect.stringMatching(/it shows .*, SHA256:\S+ is known\n/) as unknown,
    });
  });

  describe('private keys', () => {
    it('are read once, and again when they were refused', async () => {
      const path = join(directory, 'key');
      await copyFile(sshd.access.privateKey ?? '', path);
      const opener = createOpener();
      await reach({ privateKey: path }, opener);
      await copyFile(other.access.privateKey ?? '', path);
      await reach({ privateKey: path }, opener);
      await expect(
        reach({ privateKey: path, port: other.access.port, user: 'nobody' }, opener),
      ).rejects.toThrow('was refused');
      await reach({ privateKey: path, port: other.access.port }, opener);
    });

    it.each([
      ['ed25519', []],
      ['rsa', []],
      ['rsa', ['-m', 'PEM']],
      ['ecdsa', ['-b', '384']],
    ])('of type %s %j sign', async (type, more) => {
      const privateKey = join(directory, `${type}${more.length}${more.join('')}`);
      execFileSync('ssh-keygen', ['-q', '-t', type, ...more, '-N', '', '-f', privateKey]);
      await using server = await startSshd({ privateKey });
      const opener = createOpener();
      const { port } = server.access;
      await reach({ privateKey, port }, opener);
      await reach({ privateKey, port }, opener);
    });

    it('that are encrypted, public or missing are refused without asking the machine', async () => {
      const path = join(directory, 'encrypted');
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', path]);
      const pem = join(directory, 'pem');
      execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-m', 'PEM', '-N', 'secret', '-f', pem]);
      for (const [privateKey, why] of [
        [path, 'it is encrypted'],
        [pem, 'it is encrypted'],
        [`${path}.pub`, 'it is a public key'],
        [join(directory, 'none'), 'ENOENT'],
      ] as const) {
        await expect(reach({ privateKey, port: 1 })).rejects.toMatchObject({
          name: 'PrivateKeyError',
          problem: 'authentication',
          message: expect.stringContaining(why) as unknown,
        });
      }
    });
  });
});
