import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpener } from '../../src/connection/open.ts';
import type { OpenOptions } from '../../src/connection/open-options.ts';
import type { SshAccess } from '../../src/machine.ts';
import { keyOf } from '../support/ssh-access.ts';
import { sshdMissing } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import type { World } from '../support/sshd-world.ts';

const never = new AbortController().signal;
const missing = sshdMissing();

describe.skipIf(missing !== undefined)(`logging in${missing ? `: ${missing}` : ''}`, () => {
  let directory: string;
  let world: World;
  let other: string;
  let encrypted: string;
  let agent: { readonly socket: string; readonly pid: number };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'plan-login-'));
    world = await startWorld({ users: [{ name: 'ann', uid: 47_001, password: 'open sesame' }] });
    other = join(directory, 'other');
    encrypted = join(directory, 'encrypted');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
    await copyFile(keyOf(world.access), encrypted);
    execFileSync('ssh-keygen', ['-q', '-p', '-N', 'secret', '-f', encrypted]);
    const socket = join(directory, 'agent');
    const told = String(execFileSync('ssh-agent', ['-s', '-a', socket]));
    agent = { socket, pid: Number(/AGENT_PID=(\d+)/.exec(told)?.[1]) };
    execFileSync('ssh-add', ['-q', keyOf(world.access)], { env: { SSH_AUTH_SOCK: socket } });
  });
  afterAll(async () => {
    process.kill(agent.pid);
    await world[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  async function login(
    change: Partial<SshAccess>,
    { on = world, ...options }: Partial<OpenOptions> & { readonly on?: World } = {},
  ): Promise<string> {
    await using opener = createOpener();
    const access = { ...on.accessOf('ann'), privateKey: null, ...change };
    const all = { signal: never, onHostKey: () => undefined, ...options };
    await using connection = await opener.open(access, all);
    return String((await connection.exec('id -un', { signal: never })).stdout).trim();
  }

  it('takes the first key that is accepted', async () => {
    const right = keyOf(world.access);
    expect(await login({ privateKey: right })).toBe('ann');
    expect(await login({ privateKey: other, moreKeys: [right] })).toBe('ann');
    expect(await login({ privateKey: join(directory, 'none'), moreKeys: [encrypted, right] })).toBe('ann');
  });

  it('asks the agent, after keys', async () => {
    expect(await login({ agent: agent.socket })).toBe('ann');
    expect(await login({ privateKey: other, agent: agent.socket })).toBe('ann');
    expect(await login({ privateKey: encrypted, agent: agent.socket })).toBe('ann');
  });

  it('asks the agent that the environment names, once it names one', async () => {
    const before = process.env['SSH_AUTH_SOCK'];
    try {
      delete process.env['SSH_AUTH_SOCK'];
      await expect(login({ agent: 'SSH_AUTH_SOCK' })).rejects.toMatchObject({
        problem: 'authentication',
        message: expect.stringContaining('SSH_AUTH_SOCK names no agent') as unknown,
      });
      process.env['SSH_AUTH_SOCK'] = agent.socket;
      expect(await login({ agent: 'SSH_AUTH_SOCK' })).toBe('ann');
    } finally {
      if (before === undefined) delete process.env['SSH_AUTH_SOCK'];
      else process.env['SSH_AUTH_SOCK'] = before;
    }
  });

  it('offers no other keys of an agent than those that are named, where it may not', async () => {
    const socket = join(directory, 'full');
    const told = String(execFileSync('ssh-agent', ['-s', '-a', socket]));
    const pid = Number(/AGENT_PID=(\d+)/.exec(told)?.[1]);
    try {
      const strangers = ['a', 'b', 'c'].map((name) => join(directory, `stranger-${name}`));
      for (const path of strangers) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
      const env = { SSH_AUTH_SOCK: socket };
      execFileSync('ssh-add', ['-q', ...strangers, keyOf(world.access)], { env });
      await using strict = await startWorld({
        users: [{ name: 'ann', uid: 47_001 }],
        config: ['MaxAuthTries 2'],
        privateKey: keyOf(world.access),
      });
      const publicOnly = join(directory, 'card.pub');
      const alone = join(directory, 'alone');
      await copyFile(`${keyOf(world.access)}.pub`, publicOnly);
      await copyFile(encrypted, alone);
      // What tells the public part: the private key, a file beside it, the file itself.
      await writeFile(join(directory, 'hidden'), 'nothing that anybody can read');
      await copyFile(publicOnly, join(directory, 'hidden.pub'));
      const agent = { agent: socket, onlyNamedKeys: true } as const;
      for (const privateKey of [alone, publicOnly, join(directory, 'hidden'), join(directory, 'card')])
        expect(await login({ ...agent, privateKey }, { on: strict }), privateKey).toBe('ann');
      await expect(login({ agent: socket }, { on: strict })).rejects.toThrow(
        'the server takes no more tries',
      );
      // Nobody asks it for a key that can be read.
      await expect(login({ ...agent, privateKey: other }, { on: strict })).rejects.toThrow(
        /: the key "\S+other" was refused$/,
      );
      await expect(login(agent, { on: strict })).rejects.toThrow(/there is no key, agent or password/);
      execFileSync('ssh-add', ['-q', '-d', keyOf(world.access)], { env, stdio: 'ignore' });
      await expect(login({ ...agent, privateKey: alone }, { on: strict })).rejects.toMatchObject({
        problem: 'authentication',
        message: expect.stringMatching(
          /the agent is of no use: it has none of the keys to log in with/,
        ) as unknown,
      });
    } finally {
      process.kill(pid);
    }
  });

  it('tells the password last', async () => {
    expect(await login({}, { password: 'open sesame' })).toBe('ann');
    const lines: string[] = [];
    const log = (line: string) => lines.push(line);
    const socket = join(directory, 'nobody');
    expect(await login({ privateKey: other, agent: socket }, { password: 'open sesame', log })).toBe('ann');
    expect(lines.join('\n')).not.toContain('open sesame');
  });

  it('tells it as the answer to the one question that a server asks, too', async () => {
    const stack = join(directory, 'pam');
    await using asking = await startWorld({
      users: [{ name: 'ann', uid: 47_001, password: 'open sesame' }],
      config: ['UsePAM yes', 'PasswordAuthentication no', 'KbdInteractiveAuthentication yes'],
      mounts: `echo 'auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so' >'${stack}'
mount --bind '${stack}' /etc/pam.d/sshd`,
    });
    expect(await login({}, { on: asking, password: 'open sesame' })).toBe('ann');
    expect(await login({ privateKey: other }, { on: asking, password: 'open sesame' })).toBe('ann');
    await expect(login({}, { on: asking, password: 'wrong' })).rejects.toMatchObject({
      problem: 'authentication',
      message: expect.stringMatching(/as "ann": the password was refused$/) as unknown,
    });
  });

  it('tells it after a key where the server wants both', async () => {
    await using strict = await startWorld({
      users: [{ name: 'ann', uid: 47_001, password: 'open sesame' }],
      config: ['AuthenticationMethods publickey,password'],
    });
    const privateKey = keyOf(strict.access);
    expect(await login({ privateKey }, { on: strict, password: 'open sesame' })).toBe('ann');
    await expect(login({ privateKey }, { on: strict })).rejects.toThrow(
      `the key "${privateKey}" was accepted, and it wants password too`,
    );
  });

  it.each([
    ['nothing', {}, {}, /there is no key, agent or password to log in with$/],
    ['a key', { privateKey: 'other' }, {}, /the key "\S+other" was refused$/],
    [
      'all there is',
      { privateKey: 'other', moreKeys: ['other', 'third'], agent: '/nowhere' },
      { password: 'wrong' },
      /the keys "\S+other", "\S+third" and the password were refused; the agent is of no use: /,
    ],
    [
      'what is of no use',
      { privateKey: 'encrypted' },
      { password: 'wrong' },
      /the password was refused; Cannot use the private key "\S+": it is encrypted$/,
    ],
    [
      'no password',
      { privateKey: 'other' },
      { noPassword: 'it was not given' },
      /was refused; it was not given$/,
    ],
  ])('says what was refused: %s', async (_name, change: Partial<SshAccess>, options, message) => {
    execFileSync('cp', [other, join(directory, 'third')]);
    const placed = (path: string): string => join(directory, path);
    const given = {
      ...change,
      ...(change.privateKey && { privateKey: placed(change.privateKey) }),
      ...(change.moreKeys && { moreKeys: change.moreKeys.map(placed) }),
    };
    await expect(login(given, options)).rejects.toMatchObject({
      problem: 'authentication',
      message: expect.stringMatching(message) as unknown,
    });
  });

  it('says so when the server takes no more tries', async () => {
    await using strict = await startWorld({
      users: [{ name: 'ann', uid: 47_001 }],
      config: ['MaxAuthTries 2'],
    });
    const moreKeys = Array.from({ length: 4 }, (_, i) => join(directory, `many-${i}`));
    for (const path of moreKeys) execFileSync('cp', [other, path]);
    await expect(login({ moreKeys }, { on: strict })).rejects.toMatchObject({
      problem: 'authentication',
      message: expect.stringMatching(/were refused, and the server takes no more tries$/) as unknown,
    });
  });

  it('lets nobody in by an encrypted key alone, and says what to do', async () => {
    await expect(login({ privateKey: encrypted })).rejects.toMatchObject({
      name: 'PrivateKeyError',
      message: expect.stringMatching(/it is encrypted\nAdd it to an SSH agent/) as unknown,
    });
  });
});
