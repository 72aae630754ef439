import { execFileSync } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { keyOf } from '../support/ssh-access.ts';
import { sshdMissing } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import { scenario } from './scenario.ts';

const missing = sshdMissing();

it.skipIf(missing !== undefined)(
  `hosts are reached as ~/.ssh/config says, and fail at once where only an agent that is gone could let in${missing ? `: ${missing}` : ''}`,
  async () => {
    await using world = await startWorld({
      users: [
        { name: 'ann', uid: 47_321 },
        { name: 'gate', uid: 47_322 },
      ],
      config: ['MaxAuthTries 2'],
      address: '0.0.0.0',
    });
    const home = join(world.place, 'operator');
    await mkdir(join(home, '.ssh'), { recursive: true });
    vi.stubEnv('HOME', home);
    onTestFinished(() => void vi.unstubAllEnvs());
    const space = await scenario();
    const key = join(home, '.ssh', 'key');
    const socket = join(home, 'agent');
    const { port, hostKey } = world.access;
    await copyFile(keyOf(world.access), key);
    execFileSync('ssh-keygen', ['-q', '-p', '-N', 'secret', '-f', key]);
    const config = `Host gateway
  HostName 127.0.3.9
  User gate
  HostKeyAlias the-gate
Host box*
  HostName 127.0.3.1
  User ann
  HostKeyAlias the-box
Host *
  Port ${port}
  IdentityFile ~/.ssh/key
  IdentitiesOnly yes
  IdentityAgent ~/agent
`;
    await space.write('config', config);
    await copyFile(join(space.path, 'config'), join(home, '.ssh', 'config'));
    await space.write('known', `the-gate ${hostKey ?? ''}\nthe-box ${hostKey ?? ''}\n`);
    await copyFile(join(space.path, 'known'), join(home, '.ssh', 'known_hosts'));
    await space.write(
      'boxes.yml',
      `version: 1
name: boxes
providers:
  pool: { type: hosts, hosts: [ box, 127.0.3.2, 127.0.3.3 ] }
levels:
  - name: all
    services:
      web:
        provider: pool
        ssh: { jump: gateway }
        timeouts: { connect: 1m }
        bootstrap: { run: 'echo "by \${SSH_CONNECTION%% *}"' }
`,
    );

    const startedAt = Date.now();
    const dead = await space.run(['up', 'boxes.yml']);
    expect(dead.code).toBe(1);
    // The limit is a minute, and an agent does not come back.
    expect(Date.now() - startedAt).toBeLessThan(30_000);
    const { failure, attempts } = (await space.machines('boxes')).get('web-0') ?? {};
    // No other host is tried: none would say anything else.
    expect(attempts).toMatchObject({ launch: 1 });
    expect(failure?.message).toMatch(
      /the agent is of no use: Failed to connect to agent; Cannot use the private key "\S+key": it is encrypted\nStart the agent, and add a key to it with "ssh-add"\.$/,
    );

    const told = String(execFileSync('ssh-agent', ['-s', '-a', socket]));
    const pid = Number(/AGENT_PID=(\d+)/.exec(told)?.[1]);
    try {
      const strangers = ['a', 'b', 'c'].map((name) => join(home, name));
      for (const path of strangers) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
      const env = { SSH_AUTH_SOCK: socket };
      execFileSync('ssh-add', ['-q', ...strangers, keyOf(world.access)], { env });
      const up = await space.run(['up', 'boxes.yml']);
      expect(up.code, up.stderr).toBe(0);
      const down = await space.run(['down', '--yes', 'boxes']);
      expect(down.code, down.stderr).toBe(0);
    } finally {
      process.kill(pid);
    }
    expect(await world.log()).toMatch(/Accepted publickey for gate/);
  },
  90_000,
);
