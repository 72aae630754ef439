import { expect, it } from 'vitest';
import { jsonLines } from '../cli/command.ts';
import { isGone } from '../support/processes.ts';
import { scenario } from './scenario.ts';

const LEVELS = `
inputs: { webs: { default: 2 } }
levels:
  - name: data
    services:
      db:
        bootstrap: { run: 'echo "$PLAN_MACHINE bootstrap" >>"$SHARED/ran"; echo port=1 >>"$PLAN_OUTPUT"' }
        outputs: [port]
  - name: app
    services:
      web:
        count: "{{inputs.webs}}"
        env: { DB: "{{services.db.hostname}}:{{services.db.port}}" }
        bootstrap: { run: 'echo "$PLAN_MACHINE bootstrap" >>"$SHARED/ran"' }
        verify: { run: 'echo "$PLAN_MACHINE verify" >>"$SHARED/ran"' }
`;

it('up of what is ready does nothing and says so: no script, no provider call', async () => {
  const space = await scenario();
  await space.plan('again', LEVELS);
  expect(await space.run(['up', 'again.yml'])).toMatchObject({ code: 0 });
  const before = await space.status('again');
  const ran = space.told('ran');
  expect(ran).toHaveLength(5);
  // A call to the provider would start its host again.
  const host = space.hostPid();
  await space.killHost();

  const again = await space.run(['up', 'again.yml']);
  expect([again.code, again.stdout]).toEqual([0, '']);
  expect(again.stderr).toMatch(/^[^\n]* up by [^\n]*\n"again" is ready: there is nothing to do\.\n$/);
  expect(await space.run(['up', 'again.yml', '--quiet'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  const json = await space.run(['up', 'again.yml', '--json']);
  expect([json.code, json.stderr]).toEqual([0, '']);
  expect(jsonLines(json.stdout).at(-1)).toMatchObject({
    type: 'result',
    outcome: 'succeeded',
    deployments: [{ deployment: 'again', worked: false, state: 'ready', failures: [] }],
  });

  expect(space.told('ran')).toEqual(ran);
  expect([space.hostPid(), isGone(host)]).toEqual([host, true]);
  expect((await space.status('again')).levels).toEqual(before.levels);
});

it('up with a larger count adds machines and leaves the others alone', async () => {
  const space = await scenario();
  await space.plan('again', LEVELS);
  expect(await space.run(['up', 'again.yml'])).toMatchObject({ code: 0 });
  const before = await space.machines('again');
  const ran = space.told('ran');

  expect(await space.run(['up', 'again.yml', '--input', 'webs=3'])).toMatchObject({ code: 0 });
  expect(space.told('ran').slice(ran.length)).toEqual(['web-2 bootstrap', 'web-2 verify']);
  // What was given is remembered.
  expect(await space.run(['up', 'again.yml'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('nothing to do') as unknown,
  });
  const after = await space.machines('again');
  for (const [name, { id }] of before) expect(after.get(name)?.id).toBe(id);
});

it('up after down makes a new deployment of the same name', async () => {
  const space = await scenario();
  await space.plan('again', LEVELS);
  expect(await space.run(['up', 'again.yml'])).toMatchObject({ code: 0 });
  const first = await space.machines('again');
  expect(await space.run(['down', '--yes'])).toMatchObject({ code: 0 });
  expect(await space.run(['up', 'again.yml'])).toMatchObject({ code: 0 });
  const second = await space.machines('again');
  expect([...second.values()].map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
  for (const [name, { id }] of second) expect(id).not.toBe(first.get(name)?.id);
  expect(space.told('ran')).toHaveLength(10);
});
