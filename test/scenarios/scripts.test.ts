import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { logOf, scenario } from './scenario.ts';

it('a bootstrap is tried as often as its attempts allow, each try with a log of its own and no process left of the one before', async () => {
  const space = await scenario();
  await space.plan(
    'tried',
    `
levels:
  - name: only
    services:
      third-time:
        bootstrap:
          run: |
            echo "$$" >>"$SHARED/tries"
            tries=$(wc -l <"$SHARED/tries")
            echo "try $tries"
            echo "half=done" >>"$PLAN_OUTPUT"
            [ "$tries" -ge 3 ] || { [ "$tries" -ne 2 ] || sleep 600; exit 5; }
            echo "try=$tries" >>"$PLAN_OUTPUT"
          attempts: 3
          timeout: 2s
        outputs: [try, half]
      never: { bootstrap: { run: 'echo no >>"$SHARED/never"; exit 6' }, attempts: { bootstrap: 2 } }
`,
  );
  expect(await space.run(['up', 'tried.yml'])).toMatchObject({ code: 1 });
  const machines = await space.machines('tried');
  expect(machines.get('third-time-0')).toMatchObject({
    state: 'ready',
    attempts: { launch: 1, bootstrap: 3 },
    outputs: { try: '3', half: 'done' },
    failure: null,
  });
  expect(machines.get('never-0')).toMatchObject({
    state: 'failed',
    attempts: { bootstrap: 2 },
    failure: { exitCode: 6 },
  });
  expect(space.told('never')).toEqual(['no', 'no']);
  expect(await logOf(space, 'tried', 'third-time-0', 'bootstrap')).toMatch(
    /bootstrap <==\ntry 1\n[^]*try 2 <==\ntry 2\n[^]*try 3 <==\ntry 3\n$/,
  );
});

it('scripts see where and what they are, and nothing of the environment of whoever runs plan', async () => {
  const space = await scenario({
    'env.py': '#!/usr/bin/env perl\nprint "$_=$ENV{$_}\\n" for sort keys %ENV; print "args @ARGV\\n";\n',
  });
  await space.plan(
    'seen',
    `
levels:
  - name: one-level
    services:
      web:
        count: 2
        env: { RATIO: 1.10, FLAG: true, BOTH: service }
        bootstrap: { script: env.py, args: [1.50, false, "a  b"], env: { BOTH: script } }
        verify: { run: 'cp "$PLAN_ATTRIBUTES" "$SHARED/attributes-$PLAN_INDEX.json"; pwd >"$SHARED/pwd"; echo "$BOTH" >"$SHARED/both"' }
`,
  );
  process.env['LEAK_OF_THE_CALLER'] = 'yes';
  try {
    expect(await space.run(['up', 'seen.yml'], { env: { ANOTHER_LEAK: 'yes' } })).toMatchObject({ code: 0 });
  } finally {
    delete process.env['LEAK_OF_THE_CALLER'];
  }
  const log = await logOf(space, 'seen', 'web-1', 'bootstrap');
  const web = (await space.machines('seen')).get('web-1');
  for (const line of [
    'RATIO=1.10',
    'FLAG=true',
    'BOTH=script',
    'PLAN_DEPLOYMENT=seen',
    'PLAN_LEVEL=one-level',
    'PLAN_SERVICE=web',
    'PLAN_MACHINE=web-1',
    'PLAN_INDEX=1',
    'PLAN_COUNT=2',
    `PLAN_HOSTNAME=${web?.hostname}`,
    `PLAN_ADDRESS=${web?.address}`,
    `PATH=${process.env['PATH']}`,
    `HOME=${join(space.stateDirectory, 'machines', web?.id ?? '')}`,
    'args 1.50 false a  b',
  ])
    expect(log.split('\n')).toContain(line);
  expect(log).toMatch(/^USER=/m);
  expect(log).not.toMatch(/LEAK/);
  expect(space.told('both')).toEqual(['service']);
  expect(space.told('pwd')[0]).toMatch(/\/machines\/local-/);
  const attributes: unknown = JSON.parse(readFileSync(join(space.shared, 'attributes-1.json'), 'utf8'));
  expect(attributes).toMatchObject({
    self: { name: 'web-1', index: 1, service: 'web', level: 'one-level', id: web?.id, publicIp: null },
    deployment: { name: 'seen' },
    inputs: {},
  });
});

it.runIf(process.getuid?.() === 0)('a script may be run as root', async () => {
  const space = await scenario();
  await space.plan(
    'rooted',
    `levels: [{ name: only, services: { web: { bootstrap: { run: 'id -un >>"$SHARED/who"; : >made', user: root }, verify: { run: 'test -f made; id -un >>"$SHARED/who"', timeout: 3s } } } }]\n`,
  );
  const up = await space.run(['up', 'rooted.yml']);
  expect(up.stderr).toMatch(/✔ rooted is ready/);
  expect(space.told('who')).toEqual(['root', 'root']);
});

it('a verify passes only after its successes in a row, each check of a list on its own', async () => {
  const space = await scenario();
  const check = (name: string, successes: number, condition: string) =>
    `{ run: 'echo x >>"$SHARED/${name}"; n=$(wc -l <"$SHARED/${name}"); ${condition}', interval: 20ms, successes: ${successes} }`;
  await space.plan(
    'rows',
    `
levels:
  - name: only
    services:
      web:
        verify:
          - ${check('steady', 3, 'true')}
          - ${check('flaky', 2, 'test "$n" -ne 2 -a "$n" -ne 4')}
`,
  );
  expect(await space.run(['up', 'rows.yml'])).toMatchObject({ code: 0 });
  expect(space.told('steady')).toHaveLength(3);
  expect(space.told('flaky')).toHaveLength(6);
});
