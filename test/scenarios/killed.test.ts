import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { killedAt } from './killed-at.ts';
import type { Scenario } from './scenario.ts';
import { machinesOf, scenario } from './scenario.ts';

const LEVELS = `
levels:
  - name: one
    services:
      first:
        count: 3
        bootstrap: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/ran"; echo "token=$PLAN_MACHINE" >>"$PLAN_OUTPUT"' }
        verify: { run: 'true', interval: 20ms }
        teardown: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/torn-down"' }
        outputs: [token]
  - name: two
    services:
      second:
        count: 2
        local: { bootDelay: 100ms }
        env: { TOKENS: "{{join services.first.all.token ','}}" }
        bootstrap: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/ran"; test "$TOKENS" = first-0,first-1,first-2' }
        teardown: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/torn-down"' }
`;

const MACHINES = ['first-0', 'first-1', 'first-2', 'second-0', 'second-1'];

/** Homes of machines, which are instances at the provider. */
function instances({ stateDirectory }: Scenario): readonly string[] {
  return readdirSync(join(stateDirectory, 'machines')).filter((name) => name.startsWith('local-'));
}

it('up that is killed again and again loses no machine and runs no bootstrap twice', async () => {
  const space = await scenario();
  await space.plan('killed', LEVELS);
  let kills = 0;
  for (const event of [2, 3, 4, 5, 7, 9, 12, 8, 6, 5, 4, 3])
    if (await killedAt(event, space, ['up', 'killed.yml'])) kills += 1;
  expect(kills).toBeGreaterThan(4);
  expect(await space.run(['up', 'killed.yml'])).toMatchObject({ code: 0 });
  expect(space.told('ran').toSorted()).toEqual(MACHINES);
  const machines = machinesOf(await space.status('killed'));
  expect(machines.map(({ name, state }) => [name, state])).toEqual(MACHINES.map((name) => [name, 'ready']));
  expect(instances(space).toSorted()).toEqual(machines.map(({ id }) => id).toSorted());
});

it('down that is killed again and again ends everything, and tears every machine down', async () => {
  const space = await scenario();
  await space.plan('killed', LEVELS);
  expect(await space.run(['up', 'killed.yml'])).toMatchObject({ code: 0 });
  for (const event of [2, 3, 5, 7, 6, 4, 8])
    if (!(await killedAt(event, space, ['down', 'killed', '--yes']))) break;
  expect(await space.run(['down', 'killed', '--yes'])).toMatchObject({ code: 0 });
  expect(space.told('torn-down').toSorted()).toEqual(MACHINES);
});

it('down after an up that was killed at any moment leaves nothing', async () => {
  for (const event of [2, 3, 4, 6, 10]) {
    const space = await scenario();
    await space.plan('killed', LEVELS);
    expect(await killedAt(event, space, ['up', 'killed.yml'])).toBe(true);
    expect(await space.run(['down', 'killed', '--yes'])).toMatchObject({ code: 0 });
  }
});
