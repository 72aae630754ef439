import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { until } from '../support/until.ts';
import type { CloudScenario } from './cloud-scenario.ts';
import { cloudScenario, onMachines } from './cloud-scenario.ts';
import { states } from './scenario.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;
/** Seconds that the machines take for a minute: an hour passes in three. */
const MINUTE = 0.05;

const PAIR = 'levels: [{ name: one, services: { web: { count: 2, bootstrap: { run: "true" } } } }]\n';

/** Begins an operation in a process of its own and kills it as soon as it tells of such an event. */
async function killedAfter(
  { path, stateDirectory, env }: CloudScenario,
  type: string,
  argv: readonly string[],
): Promise<NodeJS.Signals | null> {
  const child = spawn(process.execPath, [MAIN, ...argv, '--json', '--quiet', '--state-dir', stateDirectory], {
    cwd: path,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes(`"type":"${type}"`)) child.kill('SIGKILL');
  });
  const [, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  return signal;
}

function behaviors({ endpoint }: CloudScenario, action: string, parameter: string): readonly unknown[] {
  return endpoint.calls
    .filter((call) => call.action === action && call.params.get('DryRun') !== 'true')
    .map(({ params }) => params.get(parameter));
}

const LAUNCH = 'InstanceInitiatedShutdownBehavior';
const CHANGE = 'InstanceInitiatedShutdownBehavior.Value';

function endOn({ fleet }: CloudScenario, id: string): Promise<string> {
  return readFile(fleet.file(id, '/var/lib/launch-plan/end'), 'utf8');
}

onMachines('machines on EC2 whose operator is killed end when their time is over', async () => {
  const space = await cloudScenario({ minute: MINUTE });
  await space.plan('pair', PAIR.replace('"true"', '"sleep 300"'));
  expect(await killedAfter(space, 'step-started', ['up', 'pair.yml', '--ttl', '1h'])).toBe('SIGKILL');
  const began = Date.now();
  expect(space.alive()).toHaveLength(2);
  await until(() => space.alive().length === 0);
  expect(Date.now() - began).toBeGreaterThan(1_000);
  expect(behaviors(space, 'RunInstances', LAUNCH)).toEqual(['terminate']);
  expect(behaviors(space, 'TerminateInstances', 'InstanceId.1')).toEqual([]);
  await space.endpoint.settled();

  expect((await space.run(['status', 'pair'])).stdout).toContain('ends in ');
  const status = await space.run(['status', 'pair', '--refresh']);
  expect([status.code, status.stdout]).toEqual([1, expect.stringContaining('Instance initiated shutdown')]);
  await space.plan('pair', PAIR);
  expect(await space.run(['up', 'pair.yml', '--ttl', 'never'])).toMatchObject({ code: 0 });
  expect(space.alive()).toHaveLength(2);
});

onMachines('machines on EC2 that nobody ever reached end when their time is over', async () => {
  const space = await cloudScenario({ minute: MINUTE });
  await space.plan('pair', PAIR);
  expect(await killedAfter(space, 'launch-answered', ['up', 'pair.yml', '--ttl', '30m'])).toBe('SIGKILL');
  await until(() => space.alive().length === 2);
  await until(() => space.alive().length === 0);
  expect(behaviors(space, 'TerminateInstances', 'InstanceId.1')).toEqual([]);
});

onMachines(
  'machines on EC2 keep their end over a reboot that nobody told us of, and are given more time',
  async () => {
    const space = await cloudScenario({ minute: MINUTE });
    await space.plan('pair', PAIR);
    expect(await space.run(['up', 'pair.yml', '--ttl', '3h'])).toMatchObject({ code: 0 });
    const [first = '', second = ''] = space.alive();
    const before = await endOn(space, first);
    expect(Number(before)).toBe(Math.ceil(Date.parse((await space.status('pair')).expiresAt ?? '') / 1_000));
    await space.fleet.reboot(first);
    expect(await endOn(space, first)).toBe(before);

    const longer = await space.run(['extend', 'pair', '--by', '2h']);
    expect(longer).toMatchObject({ code: 0 });
    expect(longer.stderr).toContain('"pair" ends in 4h59m');
    expect(Number(await endOn(space, first))).toBe(Number(before) + 7_200);
    expect(Number(await endOn(space, second))).toBe(Number(before) + 7_200);

    // A machine that is off while the end is taken away hears of it when it starts.
    expect(await space.run(['extend', 'pair', '--to', '1h'])).toMatchObject({ code: 0 });
    await space.fleet.reboot(second);
    await until(() => !space.alive().includes(second));
    await until(() => space.alive().length === 0);
  },
);

onMachines('machines on EC2 whose end is taken away stay, also when they are rebooted', async () => {
  const space = await cloudScenario({ minute: MINUTE });
  await space.plan('pair', PAIR);
  expect(await space.run(['up', 'pair.yml', '--ttl', '2h'])).toMatchObject({ code: 0 });
  const [first = '', second = ''] = space.alive();
  expect(await space.run(['extend', 'pair', '--never'])).toMatchObject({ code: 0 });
  expect(behaviors(space, 'ModifyInstanceAttribute', CHANGE)).toEqual(['stop', 'stop']);
  expect(await endOn(space, first)).toBe('never\n');
  await space.fleet.reboot(second);
  expect(await space.run(['up', 'pair.yml', '--ttl', '1h'])).toMatchObject({ code: 0 });
  expect(behaviors(space, 'ModifyInstanceAttribute', CHANGE).slice(2)).toEqual(['terminate', 'terminate']);
  await until(() => space.alive().length === 0);
  expect(states(await space.status('pair'))).toEqual(['web-0 ready', 'web-1 ready']);
  expect(await space.run(['down', 'pair', '--yes'])).toMatchObject({ code: 0 });
});
