import { expect, it } from 'vitest';
import { isGone } from '../support/processes.ts';
import { machinesOf, scenario } from './scenario.ts';
import { traces } from './traces.ts';

it('down goes through the levels in reverse, all teardowns of a level before its first machine goes', async () => {
  const space = await scenario();
  const record = `
        count: 2
        bootstrap: { run: 'nohup sleep 600 >/dev/null 2>&1 & echo "$!" >>"$SHARED/$PLAN_LEVEL"' }
        teardown:
          run: |
            for pid in $(cat "$SHARED/$PLAN_LEVEL"); do kill -0 "$pid" || echo "$PLAN_MACHINE: $pid is gone" >>"$SHARED/early"; done
            echo "$PLAN_LEVEL" >>"$SHARED/order"
            : >"$SHARED/here-$PLAN_MACHINE"
            until set -- "$SHARED"/here-"$PLAN_SERVICE"-*; [ $# -eq 2 ]; do sleep 0.05; done`;
  await space.plan(
    'order',
    `levels:\n${['one', 'two', 'three'].map((level) => `  - name: ${level}\n    services:\n      ${level}er:${record}\n`).join('')}`,
  );
  expect(await space.run(['up', 'order.yml'])).toMatchObject({ code: 0 });
  expect(await space.run(['down', '--yes'])).toMatchObject({ code: 0 });
  expect(space.told('order')).toEqual(['three', 'three', 'two', 'two', 'one', 'one']);
  expect(space.told('early')).toEqual([]);
});

it('teardowns that fail or hang are reported, stop nothing, and leave nothing', async () => {
  const space = await scenario();
  await space.plan(
    'stubborn',
    `
levels:
  - name: below
    services:
      base: { bootstrap: { run: 'true' }, teardown: { run: 'echo base >>"$SHARED/torn-down"' } }
  - name: above
    services:
      fails: { teardown: { run: 'echo "no way"; exit 4' } }
      hangs: { teardown: { run: 'echo $$ >"$SHARED/hanging"; sleep 600', timeout: 1s } }
      works: { count: 2, teardown: { run: 'echo works >>"$SHARED/torn-down"' } }
`,
  );
  expect(await space.run(['up', 'stubborn.yml'])).toMatchObject({ code: 0 });
  const addresses = machinesOf(await space.status('stubborn')).flatMap(({ address }) => address ?? []);

  const down = await space.run(['down', '--yes']);
  expect([down.code, down.stdout]).toEqual([1, '']);
  expect(down.stderr).toMatch(/fails-0 {2}teardown failed \(exit code 4\)[^]*no way/);
  expect(down.stderr).toMatch(/hangs-0 {2}teardown failed[^\n]*did not end within 1s/);
  expect(space.told('torn-down')).toEqual(['works', 'works', 'base']);
  expect(isGone(Number(space.told('hanging')[0]))).toBe(true);
  expect(traces(space.stateDirectory, addresses)).toEqual([]);
  const after = await space.machines('stubborn');
  expect([...after.values()].map(({ state }) => state)).toEqual(Array(5).fill('terminated'));
  expect(after.get('fails-0')?.failure).toMatchObject({ step: 'teardown', reason: 'exit', exitCode: 4 });
  expect(after.get('hangs-0')?.failure).toMatchObject({ step: 'teardown', reason: 'timeout' });

  const again = await space.run(['down', '--yes', 'stubborn']);
  expect(again).toMatchObject({ code: 0 });
  expect(again.stderr).toMatch(/terminated already: there is nothing to do/);
});

it('down works after plan, scripts and files are gone, and --skip-teardown runs no script', async () => {
  const space = await scenario({ 'bye.sh': '#!/bin/sh\necho "bye $PLAN_MACHINE" >>"$SHARED/bye"\n' });
  const { rm } = await import('node:fs/promises');
  const { join } = await import('node:path');
  for (const name of ['kept', 'skipped'])
    await space.plan(name, `levels: [{ name: only, services: { web: { teardown: bye.sh } } }]\n`);
  for (const name of ['kept', 'skipped'])
    expect(await space.run(['up', `${name}.yml`])).toMatchObject({ code: 0 });
  for (const file of ['kept.yml', 'skipped.yml', 'bye.sh']) await rm(join(space.path, file));
  expect(await space.run(['down', 'skipped', '--yes', '--skip-teardown'])).toMatchObject({ code: 0 });
  expect(space.told('bye')).toEqual([]);
  expect(await space.run(['down', 'kept', '--yes'])).toMatchObject({ code: 0 });
  expect(space.told('bye')).toEqual(['bye web-0']);
});
