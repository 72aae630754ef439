import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { ensureKeyPair } from '../../src/keys.ts';
import type { Impostor } from '../support/ec2/machine-impostor.ts';
import { startSshd } from '../support/sshd.ts';
import type { CloudScenario } from './cloud-scenario.ts';
import { cloudScenario, onMachines } from './cloud-scenario.ts';

const LEVELS = `
levels:
  - name: one
    services:
      web:
        count: 2
        env: { SECRET: "{{inputs.secret}}" }
        bootstrap: { run: 'echo done >"$HOME/done"' }
`;

const serviceWith = (options: string): string => LEVELS.replace('count: 2', `count: 2\n        ${options}`);

/** The host key that the state has of each machine, by type. */
function pinned({ stateDirectory, path }: CloudScenario, name: string): readonly string[] {
  const rows = execFileSync(
    process.execPath,
    [
      '-e',
      `const db = new (require('better-sqlite3'))(process.argv[1], { readonly: true });
       for (const { record } of db.prepare('SELECT record FROM machines ORDER BY position').all())
         console.log(JSON.parse(record).access.hostKey);`,
      join(stateDirectory, 'state.db'),
    ],
    { cwd: new URL('../..', import.meta.url).pathname, encoding: 'utf8' },
  );
  expect([path, name].every((text) => text !== '')).toBe(true);
  return rows.trim().split('\n');
}

/** What the machines themselves have. */
async function keysOf(space: CloudScenario, type: string): Promise<readonly (string | undefined)[]> {
  return Promise.all(space.alive().map(async (id) => (await space.fleet.hostKeys(id))[type]));
}

onMachines(
  'machines are reached by the key of their batch first, and by their own from then on',
  async () => {
    const space = await cloudScenario();
    await space.plan('keys', LEVELS);
    expect(await space.run(['up', 'keys.yml'])).toMatchObject({ code: 0 });
    const [first, second] = await keysOf(space, 'ecdsa');
    expect(first).toBe(second);
    const own = await keysOf(space, 'ed25519');
    expect(new Set(own).size).toBe(2);
    expect(new Set(pinned(space, 'keys'))).toEqual(new Set(own));
    for (const id of space.alive()) {
      const accepted = (await space.fleet.log(id)).match(/Accepted publickey/g);
      expect(accepted?.length).toBeGreaterThan(0);
    }
  },
);

onMachines('without root the key of the batch stays the one that is accepted', async () => {
  const space = await cloudScenario({ sudo: false });
  await space.plan('keys', LEVELS);
  expect(await space.run(['up', 'keys.yml'])).toMatchObject({ code: 0 });
  const [given] = await keysOf(space, 'ecdsa');
  expect(pinned(space, 'keys')).toEqual([given, given]);
  expect(await space.run(['verify', 'keys'])).toMatchObject({ code: 0 });
});

onMachines(
  'with ssh.hostKey perMachine each machine is launched alone and has a key that no other has',
  async () => {
    const space = await cloudScenario({ sudo: false });
    await space.plan('keys', serviceWith('ssh: { hostKey: perMachine }'));
    expect(await space.run(['up', 'keys.yml'])).toMatchObject({ code: 0 });
    const given = await keysOf(space, 'ecdsa');
    expect(new Set(given).size).toBe(2);
    expect(new Set(pinned(space, 'keys'))).toEqual(new Set(given));
    expect(new Set(space.endpoint.instances().map(({ token }) => token)).size).toBe(2);
  },
);

onMachines('a server that is not the machine is told nothing: neither a command nor a secret', async () => {
  const impostors: Impostor[] = [];
  const space = await cloudScenario({
    behind: (fleet) => ({
      boot: async ({ address, user }) => void impostors.push(await fleet.impostor(address, { user })),
      stop: () => Promise.resolve(),
      reboot: () => Promise.resolve(),
      terminate: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose](),
    }),
  });
  await space.plan('keys', serviceWith('attempts: { launch: 1 }'));
  const up = await space.run(['up', 'keys.yml']);
  expect(up.code).toBe(1);
  expect(up.stderr).toContain('Somebody may be in between');
  expect(impostors).toHaveLength(2);
  for (const impostor of impostors) {
    expect(await impostor.connections()).toBeGreaterThan(0);
    expect([await impostor.logins(), await impostor.heard()]).toEqual([0, '']);
  }
  await Promise.all(impostors.map((impostor) => impostor[Symbol.asyncDispose]()));
});

onMachines('a server that takes the place of a machine later is told nothing either', async () => {
  const space = await cloudScenario();
  await space.plan('keys', LEVELS.replace('count: 2', 'count: 1'));
  expect(await space.run(['up', 'keys.yml'])).toMatchObject({ code: 0 });
  const machine = (await space.machines('keys')).get('web-0');
  await space.fleet.stop(machine?.id ?? '');
  await using impostor = await space.fleet.impostor(machine?.address ?? '', { user: 'admin' });
  const verify = await space.run(['verify', 'keys']);
  expect([verify.code, verify.stdout + verify.stderr]).toEqual([1, expect.stringContaining('is known')]);
  // A look forgets nothing: an address may be another's by now, but the machine is the same.
  const repair = await space.run(['up', 'keys.yml', '--input', 'unused=1']);
  expect(repair.code).not.toBe(70);
  expect([await impostor.logins(), await impostor.heard()]).toEqual([0, '']);
});

onMachines('machines of a private subnet are reached through a bastion, over one connection', async () => {
  const space = await cloudScenario();
  const { privateKeyPath, publicKey } = ensureKeyPair(join(space.stateDirectory, 'keys'));
  // Where its path has no spaces, which sshd takes for the end of a name.
  const directory = mkdtempSync(join(tmpdir(), 'plan-bastion-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const privateKey = join(directory, 'key');
  copyFileSync(privateKeyPath, privateKey);
  writeFileSync(`${privateKey}.pub`, `${publicKey}\n`);
  await using bastion = await startSshd({ privateKey, config: ['LogLevel VERBOSE'] });
  const { port } = bastion.access;
  const options = `ssh: { hostKey: pinFirst, jump: "root@127.0.0.1:${port}", address: private }\n        ec2: { associatePublicIp: false }`;
  await space.plan('private', serviceWith(options).replace('count: 2', 'count: 4'));
  expect(await space.run(['up', 'private.yml'])).toMatchObject({ code: 0 });
  const machines = [...(await space.machines('private')).values()];
  expect(machines.map(({ publicIp }) => publicIp)).toEqual([null, null, null, null]);
  expect((await bastion.log()).match(/Accepted publickey/g)).toHaveLength(1);
});
