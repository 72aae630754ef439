import { existsSync } from 'node:fs';
import { copyFile, cp, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { plan } from '../cli/command.ts';
import { isGone } from '../support/processes.ts';
import { machinesOf, scenario, states } from './scenario.ts';
import { processesOf, traces } from './traces.ts';

const PLANS = new URL('../../plans/', import.meta.url).pathname;

it('up makes the quickstart ready, status shows every attribute, down leaves nothing', async () => {
  const space = await scenario();
  await copyFile(join(PLANS, 'quickstart.yml'), join(space.path, 'quickstart.yml'));
  await cp(join(PLANS, 'quickstart'), join(space.path, 'quickstart'), { recursive: true });

  const up = await space.run(['up', 'quickstart.yml']);
  expect(up.stderr).toMatch(/✔ quickstart is ready in .*: 3 levels, 5 machines/);
  expect([up.code, up.stdout]).toEqual([0, '']);

  const document = await space.status('quickstart');
  expect(document).toMatchObject({
    format: 1,
    deployment: 'quickstart',
    plan: 'quickstart.yml',
    state: 'ready',
    operation: { kind: 'up', outcome: 'succeeded' },
  });
  expect(document.levels.map(({ name, state }) => [name, state])).toEqual([
    ['data', 'ready'],
    ['app', 'ready'],
    ['check', 'ready'],
  ]);
  expect(states(document)).toEqual([
    'registry-0 ready',
    'web-0 ready',
    'web-1 ready',
    'web-2 ready',
    'smoke-0 ready',
  ]);
  const machines = machinesOf(document);
  const loopback: unknown = expect.stringMatching(/^127\./);
  for (const machine of machines) {
    expect(machine).toMatchObject({
      provider: 'local',
      id: expect.stringMatching(/^local-/) as unknown,
      hostname: loopback,
      address: loopback,
      privateIp: loopback,
      publicIp: null,
      attempts: { launch: 1, bootstrap: 1 },
      updatedAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
      failure: null,
      outputs: machine.name === 'smoke-0' ? {} : { port: expect.stringMatching(/^\d+$/) as unknown },
    });
  }
  expect(new Set(machines.map(({ address }) => address)).size).toBe(5);
  expect((await stat(space.stateDirectory)).mode & 0o777).toBe(0o700);
  const host = space.hostPid();
  const addresses = machines.map(({ address }) => address ?? '');
  expect(traces(space.stateDirectory, addresses).join('\n')).toMatch(/machines: [^]*process [^]*port 127/);
  expect(processesOf(space.stateDirectory).map(({ pid }) => pid)).toContain(host);

  const down = await space.run(['down', '--yes']);
  expect([down.code, down.stdout]).toEqual([0, '']);
  expect(down.stderr).toMatch(/"quickstart" is terminated\.\n$/);
  expect(traces(space.stateDirectory, addresses)).toEqual([]);
  expect(isGone(host)).toBe(true);
  expect(existsSync(join(space.stateDirectory, 'machines'))).toBe(false);
  expect((await space.status('quickstart')).state).toBe('terminated');
});

it('up works in a directory whose name has spaces, quotes, dollars and letters of all kinds', async () => {
  const space = await scenario({ "we b/it's $HOME ü 漢字/plan.yml": '' });
  const folder = "we b/it's $HOME ü 漢字";
  await space.write(
    `${folder}/plan.yml`,
    `
version: 1
name: odd
levels:
  - name: only
    services:
      web:
        count: 2
        files: [{ source: "some file.txt", target: "some other/f ü.txt" }]
        bootstrap: "do it.sh"
        verify: { run: 'grep -q content "some other/f ü.txt"', interval: 50ms }
        outputs: [place]
`,
  );
  await space.write(`${folder}/some file.txt`, 'content\n');
  await space.write(
    `${folder}/do it.sh`,
    '#!/bin/sh\ncat "some other/f ü.txt" && echo "place=$HOME" >>"$PLAN_OUTPUT"\n',
  );
  const cwd = join(space.path, folder);
  const env = { PLAN_STATE_DIR: join(cwd, 'stâte dir') };
  const here = (...argv: string[]) => plan(argv, { cwd, env });
  onTestFinished(async () => {
    await here('down', '--yes');
    expect(traces(env.PLAN_STATE_DIR, [])).toEqual([]);
  });
  const up = await here('up', 'plan.yml');
  expect(up.stderr).toMatch(/✔ odd is ready/);
  const place = await here('output', 'web-1.place', '-d', 'odd');
  expect(place.stdout).toMatch(/ü 漢字\/stâte dir\/machines\/local-\w+\n$/);
});
