import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { cloudScenario, onMachines } from './cloud-scenario.ts';
import { machinesOf, states } from './scenario.ts';

const LEVELS = `
levels:
  - name: data
    services:
      db:
        count: 2
        bootstrap: { run: 'echo "$PLAN_MACHINE" >"$HOME/name"; echo port=5432 >>"$PLAN_OUTPUT"' }
        outputs: [port]
        teardown: { run: 'echo gone >"$HOME/name"' }
  - name: app
    services:
      api:
        count: 3
        env: { DB: "{{services.db.hostname}}:{{services.db.port}}" }
        bootstrap: { run: 'echo "$DB" >"$HOME/db"' }
        verify: { run: 'test -s "$HOME/db"' }
        labels: { tier: app }
  - name: front
    services:
      web:
        count: 3
        env: { APIS: "{{join services.api.all.hostname ','}}" }
        bootstrap: { run: 'echo "$APIS" >"$HOME/apis"' }
        verify: { tcp: 2222 }
`;

onMachines('a plan of three levels comes up on EC2 to the last step, and goes without a trace', async () => {
  const space = await cloudScenario({ settings: { bootTime: 200 } });
  await space.plan('shop', LEVELS);
  const up = await space.run(['up', 'shop.yml', '-v']);
  expect(up).toMatchObject({ code: 0 });
  expect(up.stderr).toMatch(/west: \d+ API calls, [\d.]+ a machine \(.*RunInstances \d+/);

  const status = await space.status('shop');
  expect(states(status)).toEqual(
    ['db-0', 'db-1', 'api-0', 'api-1', 'api-2', 'web-0', 'web-1', 'web-2'].map((name) => `${name} ready`),
  );
  const instances = new Map(space.endpoint.instances().map((instance) => [instance.id, instance]));
  expect(instances.size).toBe(8);
  for (const { id, provider, hostname, address, privateIp, publicIp } of machinesOf(status)) {
    const instance = instances.get(id ?? '');
    const { privateAddress, publicAddress } = instance ?? {};
    expect({ provider, hostname, address, privateIp, publicIp }).toEqual({
      provider: 'west',
      hostname: privateAddress,
      address: publicAddress,
      privateIp: privateAddress,
      publicIp: publicAddress,
    });
  }
  const machines = await space.machines('shop');
  const told = (name: string, file: string): Promise<string> =>
    readFile(space.fleet.file(machines.get(name)?.id ?? '', `/home/admin/${file}`), 'utf8');
  expect(await told('db-1', 'name')).toBe('db-1\n');
  expect(await told('api-2', 'db')).toBe(`${machines.get('db-0')?.hostname}:5432\n`);
  const apis = ['api-0', 'api-1', 'api-2'].map((name) => machines.get(name)?.hostname);
  expect(await told('web-0', 'apis')).toBe(`${apis.join(',')}\n`);

  const api = instances.get(machines.get('api-1')?.id ?? '');
  expect(api?.tags).toMatchObject({
    'plan:deployment': 'shop',
    'plan:service': 'api',
    'plan:batch': api?.token,
    tier: 'app',
  });
  expect(space.endpoint.volumes().map(({ tags }) => tags['plan:deployment'])).toEqual(
    Array.from({ length: 8 }, () => 'shop'),
  );
  expect([space.endpoint.keyPairs().length, space.endpoint.securityGroups().length]).toEqual([1, 1]);

  const again = await space.run(['up', 'shop.yml']);
  expect(again).toMatchObject({ code: 0 });
  expect(again.stderr).toContain('there is nothing to do');
  expect(await space.run(['verify', 'shop'])).toMatchObject({ code: 0 });

  // Whoever takes it down may be somewhere else by now, and has to be let in for the teardowns.
  const admitted = (): number =>
    space.endpoint.calls.filter(({ action }) => action === 'AuthorizeSecurityGroupIngress').length;
  const before = admitted();
  expect(await space.run(['down', 'shop', '--yes'])).toMatchObject({ code: 0 });
  expect(admitted()).toBeGreaterThan(before);
  expect(space.alive()).toEqual([]);
  const { endpoint } = space;
  expect([endpoint.volumes(), endpoint.keyPairs(), endpoint.securityGroups()]).toEqual([[], [], []]);
});

onMachines('a machine that ends in the cloud is noticed by status, and replaced by repair', async () => {
  const space = await cloudScenario();
  await space.plan('pair', 'levels: [{ name: one, services: { web: { count: 2 } } }]');
  expect(await space.run(['up', 'pair.yml'])).toMatchObject({ code: 0 });
  const before = await space.machines('pair');
  space.endpoint.end(before.get('web-1')?.id ?? '');
  const status = await space.run(['status', 'pair', '--refresh']);
  expect([status.code, status.stdout]).toEqual([1, expect.stringContaining('terminated')]);
  expect(await space.run(['repair', 'pair', '--yes'])).toMatchObject({ code: 0 });
  const after = await space.machines('pair');
  expect(after.get('web-0')?.id).toBe(before.get('web-0')?.id);
  expect(space.alive()).toEqual([before.get('web-0')?.id, after.get('web-1')?.id]);
});
