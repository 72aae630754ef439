import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cloudScenario, onMachines, SSH_PORT } from '../scenarios/cloud-scenario.ts';
import { scenario } from '../scenarios/scenario.ts';
import { BUSYBOX, dockerMissing, startDocker } from '../support/docker.ts';
import { keyOf } from '../support/ssh-access.ts';
import { sshdMissing } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import type { Ran } from './command.ts';
import { plan } from './command.ts';

const missing = sshdMissing();
const noDocker = dockerMissing();
const PASSPHRASE = { PLAN_PASSPHRASE: 'words of a test' };

/** Runs a command in another state directory than the scenario's. */
function elsewhere(
  { path }: { readonly path: string },
  env: Readonly<Record<string, string>> = {},
): (verb: string, ...words: readonly string[]) => Promise<Ran> {
  return (verb, ...words) =>
    plan([verb, '--state-dir', join(path, 'elsewhere'), ...words], {
      cwd: path,
      env: { ...PASSPHRASE, ...env },
    });
}

it.skipIf(missing !== undefined)(
  `hosts go on from another state directory, which has them from then on, and come back${missing ? `: ${missing}` : ''}`,
  async () => {
    const space = await scenario();
    await using world = await startWorld({ users: [{ name: 'ann', uid: 47_361 }], address: '0.0.0.0' });
    const { port } = world.access;
    const inventory = Array.from({ length: 3 }, (_, i) => `ann@127.0.9.${i + 1}:${port}`);
    await space.write('inventory.json', JSON.stringify(inventory));
    const text = (name: string, count: number): string => `
version: 1
name: ${name}
providers: { pool: { type: hosts, inventory: inventory.json } }
defaults:
  provider: pool
  ssh: { privateKey: ${JSON.stringify(keyOf(world.access))}, hostKey: pinFirst }
levels:
  - name: only
    services:
      node:
        count: ${count}
        bootstrap: { run: 'echo "$PLAN_MACHINE" >>made; echo "who=$(cat made)" >>"$PLAN_OUTPUT"' }
        outputs: [who]
        verify: { run: 'test -s made' }
        teardown: { run: 'rm made' }
`;
    await space.write('nodes.yml', text('nodes', 2));
    await space.write('other.yml', text('other', 2));
    const env = { env: PASSPHRASE };
    expect(await space.run(['up', 'nodes.yml'])).toMatchObject({ code: 0 });
    const hosts = readdirSync(join(space.stateDirectory, 'hosts'));
    expect(await space.run(['export', 'nodes.export', '--move'], env)).toMatchObject({ code: 0 });

    const there = elsewhere(space);
    expect(await there('import', 'nodes.export')).toMatchObject({ code: 0 });
    expect(readdirSync(join(space.path, 'elsewhere/hosts'))).toEqual(hosts);
    expect((await there('status', '--refresh')).stdout).toMatch(/^nodes {2}ready/);
    expect((await there('up', 'nodes.yml')).stderr).toContain('there is nothing to do');
    expect((await there('exec', 'node-1', '--', 'echo', 'fine')).stdout).toContain('fine');
    expect(await there('repair', '--yes')).toMatchObject({ code: 0 });
    // Two of three hosts are taken, there and here.
    expect(await there('up', 'other.yml')).toMatchObject({ code: 1 });
    expect(await space.run(['up', 'other.yml'])).toMatchObject({ code: 1 });

    expect(await there('export', 'back.export', '--move', '-d', 'nodes')).toMatchObject({ code: 0 });
    expect(await space.run(['import', 'back.export'], env)).toMatchObject({ code: 0 });
    expect(await space.run(['down', '--yes', 'nodes'])).toMatchObject({ code: 0 });
    expect(readdirSync(join(space.stateDirectory, 'hosts'))).toEqual([]);
  },
  90_000,
);

it.skipIf(noDocker !== undefined)(
  `containers go on from another state directory${noDocker ? `: ${noDocker}` : ''}`,
  async () => {
    const space = await scenario();
    await using docker = await startDocker();
    await space.write(
      'boxes.yml',
      `
version: 1
name: boxes
providers: { box: { type: docker, host: "${docker.address}" } }
defaults: { provider: box, image: "${BUSYBOX}" }
levels: [{ name: only, services: { web: { count: 2, bootstrap: { run: ': >/made' }, verify: { run: 'test -e /made' } } } }]
`,
    );
    expect(await space.run(['up', 'boxes.yml'])).toMatchObject({ code: 0 });
    expect(await space.run(['export', 'boxes.export', '--move'], { env: PASSPHRASE })).toMatchObject({
      code: 0,
    });
    const there = elsewhere(space);
    expect(await there('import', 'boxes.export')).toMatchObject({ code: 0 });
    expect((await there('status', '--refresh')).stdout).toMatch(/^boxes {2}ready/);
    expect((await there('up', 'boxes.yml')).stderr).toContain('there is nothing to do');
    expect((await there('exec', 'web-1', '--', 'ls', '/made')).stdout).toContain('/made');
    expect((await there('gc')).stdout).toBe('');
    expect(await there('down', '--yes')).toMatchObject({ code: 0 });
    expect(await space.run(['unlock', 'boxes', '--yes'])).toMatchObject({ code: 0 });
    expect(await space.run(['down', '--yes', 'boxes'])).toMatchObject({ code: 0 });
  },
  90_000,
);

onMachines(
  'instances on EC2 are reached, repaired and ended from where their deployment was imported',
  async () => {
    const space = await cloudScenario({ settings: { bootTime: 100 } });
    const levels = (name: string): string => `
levels:
  - name: only
    services:
      ${name}:
        count: 2
        bootstrap: { run: 'echo "$PLAN_MACHINE" >"$HOME/name"' }
        verify: { tcp: ${SSH_PORT} }
`;
    await space.plan('shop', levels('web'));
    expect(await space.run(['up', 'shop.yml'])).toMatchObject({ code: 0 });
    const alive = space.alive();
    expect(await space.run(['export', 'shop.export', '--logs', '--move'], { env: PASSPHRASE })).toMatchObject(
      {
        code: 0,
      },
    );
    const there = elsewhere(space, space.env);
    // A deployment of its own has made another key there.
    await space.plan('first', levels('api'));
    expect(await there('up', 'first.yml')).toMatchObject({ code: 0 });
    const key = readFileSync(join(space.stateDirectory, 'keys/id_ed25519'));
    rmSync(join(space.path, 'shop.yml'));

    const imported = await there('import', 'shop.export', '--json');
    const { plan: planPath, uuid } = JSON.parse(imported.stdout) as {
      readonly plan: string;
      readonly uuid: string;
    };
    expect(readFileSync(join(space.path, 'elsewhere/keys', uuid, 'id_ed25519'))).toEqual(key);
    expect((await there('status', 'shop', '--refresh')).stdout).toMatch(/^shop {2}ready/);
    const up = await there('up', planPath);
    expect(up.stderr).toContain('there is nothing to do');
    expect((await there('exec', '-d', 'shop', 'web-1', '--', 'cat', 'name')).stdout).toContain('web-1');
    expect(await there('repair', 'shop', '--yes')).toMatchObject({ code: 0 });
    expect(space.alive()).toEqual(expect.arrayContaining([...alive]));
    expect((await there('gc')).stdout).toBe('');
    expect((await space.run(['gc'])).stdout).not.toContain('web-');
    expect(await there('replace', '-d', 'shop', 'web-0', '--yes')).toMatchObject({ code: 0 });
    expect((await there('status', 'shop', '--refresh')).stdout).toMatch(/^shop {2}ready/);
    expect(await there('down', '--yes', 'shop', 'first')).toMatchObject({ code: 0 });
    expect([space.alive(), space.endpoint.keyPairs(), space.endpoint.securityGroups()]).toEqual([[], [], []]);
    expect(await space.run(['unlock', 'shop', '--yes'])).toMatchObject({ code: 0 });
  },
);
