import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { randomAccount } from '../support/ec2/endpoint.ts';
import { machinesMissing } from '../support/ec2/machines.ts';
import type { CloudScenario } from './cloud-scenario.ts';
import { cloudScenario } from './cloud-scenario.ts';
import { killedBeforeAnswer } from './ec2-crash-moment.ts';
import { machinesOf } from './scenario.ts';

const missing = machinesMissing();

const LEVELS = `
levels:
  - name: data
    services:
      db:
        count: 2
        user: root
        bootstrap: { run: 'echo "$PLAN_MACHINE" >>/var/ran; echo "token=$PLAN_MACHINE" >>"$PLAN_OUTPUT"' }
        outputs: [token]
  - name: app
    services:
      web:
        count: 2
        user: root
        env: { TOKENS: "{{join services.db.all.token ','}}" }
        bootstrap: { run: 'echo "$PLAN_MACHINE" >>/var/ran; test "$TOKENS" = db-0,db-1' }
`;
const MACHINES = ['db-0', 'db-1', 'web-0', 'web-1'];

/** Everything that is alive is a machine of the deployment, and was bootstrapped once. */
async function expectWhole({ fleet, alive, run, endpoint, status }: CloudScenario): Promise<void> {
  const machines = machinesOf(await status('shop'));
  expect(machines.map(({ name, state }) => `${name} ${state}`)).toEqual(
    MACHINES.map((name) => `${name} ready`),
  );
  expect(machines.map(({ id }) => id).toSorted()).toEqual(alive().toSorted());
  expect(endpoint.instances()).toHaveLength(MACHINES.length);
  const told = await Promise.all(alive().map((id) => readFile(fleet.file(id, '/var/ran'), 'utf8')));
  expect(told.toSorted()).toEqual(MACHINES.map((name) => `${name}\n`));
  expect(JSON.parse((await run(['gc', '--json'])).stdout)).toMatchObject({ orphans: [], problems: [] });
}

function expectNothing({ endpoint, alive }: CloudScenario): void {
  expect(alive()).toEqual([]);
  expect([endpoint.volumes(), endpoint.keyPairs(), endpoint.securityGroups()]).toEqual([[], [], []]);
}

describe.skipIf(missing !== undefined)(
  `commands on EC2 that are killed${missing === undefined ? '' : `: ${missing}`}`,
  { timeout: 90_000 },
  () => {
    it('up and down that are killed again and again lose no machine, repeat no bootstrap and leave nothing', async () => {
      const space = await cloudScenario({ settings: { bootTime: 200, endTime: 100, lag: 300 } });
      await space.plan('shop', LEVELS);
      let kills = 0;
      for (const event of [4, 9, 14, 19, 8]) if (await space.killedAt(event, ['up', 'shop.yml'])) kills += 1;
      expect(kills).toBeGreaterThan(3);
      expect(await space.run(['up', 'shop.yml'])).toMatchObject({ code: 0 });
      await expectWhole(space);
      for (const event of [3, 5]) if (!(await space.killedAt(event, ['down', 'shop', '--yes']))) break;
      expect(await space.run(['down', 'shop', '--yes'])).toMatchObject({ code: 0 });
      expectNothing(space);
    });

    it('up and down that are killed before the answer to any kind of call go on from its effect', async () => {
      const space = await cloudScenario({ settings: { bootTime: 200, endTime: 100, lag: 300 } });
      await space.plan('shop', LEVELS);
      const up = ['up', 'shop.yml'];
      expect(await killedBeforeAnswer(space, 'ImportKeyPair', up)).toBe(true);
      expect([space.endpoint.keyPairs().length, space.alive().length]).toEqual([1, 0]);
      expect(await killedBeforeAnswer(space, 'CreateSecurityGroup', up)).toBe(true);
      expect([space.endpoint.securityGroups().length, space.alive().length]).toEqual([1, 0]);
      // The first two only check what each service asks for.
      expect(await killedBeforeAnswer(space, 'RunInstances', up, 3)).toBe(true);
      expect(machinesOf(await space.status('shop')).map(({ id }) => id)).toEqual([null, null, null, null]);
      expect(space.alive()).toHaveLength(2);
      expect(await killedBeforeAnswer(space, 'CreateTags', up)).toBe(true);
      expect(await space.run(up)).toMatchObject({ code: 0 });
      await expectWhole(space);
      const down = ['down', 'shop', '--yes'];
      for (const action of ['TerminateInstances', 'DeleteSecurityGroup', 'DeleteKeyPair'])
        expect(await killedBeforeAnswer(space, action, down)).toBe(true);
      expect(await space.run(down)).toMatchObject({ code: 0 });
      expectNothing(space);
    });

    it('down with the credentials of another account says whose are needed, and gives nothing up', async () => {
      const accounts = [randomAccount('111111111111'), randomAccount('222222222222')];
      const space = await cloudScenario({ accounts });
      await space.plan('shop', `levels: [{ name: only, services: { web: { count: 2 } } }]\n`);
      expect(await space.run(['up', 'shop.yml'])).toMatchObject({ code: 0 });
      const before = machinesOf(await space.status('shop')).map(({ id }) => id);
      const other = {
        EC2_KEY: accounts[1]?.accessKeyId ?? '',
        EC2_SECRET: accounts[1]?.secretAccessKey ?? '',
      };
      const down = await space.run(['down', 'shop', '--yes'], { env: other });
      expect(down.code).toBe(1);
      expect(down.stderr).toContain(
        'belong to account 111111111111, the credentials are of account 222222222222',
      );
      expect(down.stderr).toContain('Use credentials of account 111111111111');
      expect(machinesOf(await space.status('shop')).map(({ id }) => id)).toEqual(before);
      expect(space.alive().toSorted()).toEqual(before.toSorted());
      expect(await space.run(['down', 'shop', '--yes'])).toMatchObject({ code: 0 });
      expectNothing(space);
    });
  },
);
