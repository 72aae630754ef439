import { expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { logOf, scenario, states } from './scenario.ts';

const LEVELS = `
levels:
  - name: one
    services:
      steady: { count: 2, bootstrap: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/ran"' } }
      broken: { bootstrap: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/ran"; exit 3' } }
      unsure: { bootstrap: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/ran"' }, verify: { run: 'test -e "$SHARED/sure"', fatalExitCodes: [1] } }
  - name: two
    services:
      last: { bootstrap: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/ran"' } }
`;

it('up after the cause of a failure was removed goes on from where it stopped', async () => {
  const space = await scenario();
  await space.plan('resumed', LEVELS);
  expect(await space.run(['up', 'resumed.yml'])).toMatchObject({ code: 1 });
  const before = await space.machines('resumed');
  await space.plan('resumed', LEVELS.replace('; exit 3', ''));
  await space.write('shared/sure', '');
  expect(await space.run(['up', 'resumed.yml'])).toMatchObject({ code: 0 });
  expect(space.told('ran').toSorted()).toEqual([
    'broken-0',
    'broken-0',
    'last-0',
    'steady-0',
    'steady-1',
    'unsure-0',
  ]);
  const after = await space.machines('resumed');
  for (const [name, { id }] of before) if (id !== null) expect(after.get(name)?.id).toBe(id);
  expect(after.get('broken-0')).toMatchObject({
    failure: null,
    attempts: { launch: 1, bootstrap: 2 },
  });
});

it('an interrupted up says so, leaves its scripts running, and goes on with them when it is called again', async () => {
  const space = await scenario();
  await space.plan(
    'interrupted',
    `
levels:
  - name: only
    services:
      slow:
        count: 2
        bootstrap: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/began"; echo one; until [ -e "$SHARED/go" ]; do sleep 0.05; done; echo two; echo "$PLAN_MACHINE" >>"$SHARED/ended"' }
`,
  );
  const sent = { done: false };
  const up = await space.run(['up', 'interrupted.yml', '-v'], {
    onStderr(_, send) {
      if (sent.done || space.told('began').length < 2) return;
      sent.done = true;
      send('SIGINT');
    },
  });
  expect(up.code).toBe(130);
  expect(up.stderr).toMatch(/Interrupted: [^]*Next: plan up interrupted\.yml/);
  const document = await space.status('interrupted');
  expect(document.operation).toMatchObject({ outcome: 'interrupted' });
  expect(states(document)).toEqual(['slow-0 bootstrapping', 'slow-1 bootstrapping']);
  await space.write('shared/go', '');
  await until(() => space.told('ended').length === 2);
  expect(await space.run(['up', 'interrupted.yml'])).toMatchObject({ code: 0 });
  expect(space.told('began')).toHaveLength(2);
  expect(await logOf(space, 'interrupted', 'slow-1', 'bootstrap')).toBe('one\ntwo\n');
});

it('deployments of one state directory come up and go down side by side', async () => {
  const space = await scenario();
  await space.plan('many', LEVELS.replace('; exit 3', '').replace('test -e "$SHARED/sure"', 'true'));
  const names = ['east', 'north', 'south', 'west'];
  const ups = await Promise.all(names.map((name) => space.run(['up', 'many.yml', '--name', name])));
  expect(ups.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(space.told('ran')).toHaveLength(20);
  const ids = await Promise.all(names.map(async (name) => [...(await space.machines(name)).values()]));
  expect(new Set(ids.flat().map(({ id }) => id)).size).toBe(20);
  const downs = await Promise.all(names.map((name) => space.run(['down', name, '--yes'])));
  expect(downs.map(({ code, stderr }) => [code, stderr.includes('is terminated')])).toEqual(
    names.map(() => [0, true]),
  );
});

it('what a script prints is logged byte for byte, however much it is', async () => {
  const space = await scenario({
    'loud.mjs': `#!/usr/bin/env node
const line = 'ü'.repeat(40) + ' \\x1b[31mred\\x1b[0m \\r progress\\n';
for (let i = 0; i < 30000; i += 1) process.stdout.write(i + ' ' + line);
process.stdout.write(Buffer.from([0xff, 0xfe, 0x00, 0x41]));
`,
  });
  await space.plan(
    'loud',
    `levels: [{ name: only, services: { web: { count: 2, bootstrap: loud.mjs } } }]\n`,
  );
  expect(await space.run(['up', 'loud.yml'])).toMatchObject({ code: 0 });
  const line = `${'ü'.repeat(40)} \u001b[31mred\u001b[0m \r progress\n`;
  const expected = `${Array.from({ length: 30_000 }, (_, i) => `${i} ${line}`).join('')}\ufffd\ufffd\u0000A`;
  for (const machine of ['web-0', 'web-1'])
    expect((await logOf(space, 'loud', machine, 'bootstrap')) === expected).toBe(true);
});
