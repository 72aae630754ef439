import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Ran } from './cli/command.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { logOf, machinesOf, scenario, states } from './scenarios/scenario.ts';

const PLANS = new URL('../plans/', import.meta.url).pathname;

/** Runs a command on one of the plans, with a state directory of its own. */
function up(space: Scenario, name: string, ...flags: readonly string[]): Promise<Ran> {
  return space.run(['up', join(PLANS, `${name}.yml`), ...flags]);
}

async function down({ run }: Scenario): Promise<void> {
  const ran = await run(['down', '--yes']);
  expect(ran.stderr).toMatch(/is terminated\.\n$/);
  expect(ran.code).toBe(0);
}

it('every plan is valid, and those on local machines are brought up here', async () => {
  const space = await scenario();
  const files = readdirSync(PLANS).filter((name) => name.endsWith('.yml'));
  expect(files).toEqual([
    'anywhere.yml',
    'ec2-cluster.yml',
    'every-key.yml',
    'failing-verify.yml',
    'many.yml',
    'quickstart.yml',
    'tiers.yml',
  ]);
  const ran = await space.run(['validate', ...files.map((file) => join(PLANS, file))]);
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  expect(ran.stdout.match(/\.yml: ok$/gm)).toHaveLength(files.length);
});

it('quickstart.yml has web servers that answer through the registry', async () => {
  const space = await scenario();
  expect(await up(space, 'quickstart', '--input', 'webs=2')).toMatchObject({ code: 0 });
  expect(await logOf(space, 'quickstart', 'smoke-0', 'verify')).toBe(
    'web-0: 200 Hello from web-0\nweb-1: 200 Hello from web-1\n',
  );
  await down(space);
  expect(await logOf(space, 'quickstart', 'web-0', 'teardown')).toBe('The registry answered 200\n');
});

it('failing-verify.yml fails at web-1, and is ready when nothing is broken', async () => {
  const space = await scenario();
  const failed = await up(space, 'failing-verify');
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(
    /✘ Cannot bring "failing-verify" up: 1 of 4 machines failed\n\n {2}web-1 {2}verify failed \(exit code 1\)[^]*\| the server on web-1 answers 503 Service Unavailable\n[^]*Next: plan up /,
  );
  expect(states(await space.status('failing-verify'))).toEqual([
    'web-0 ready',
    'web-1 failed',
    'web-2 ready',
    'balancer-0 pending',
  ]);
  expect(await up(space, 'failing-verify', '--input', 'broken=-1')).toMatchObject({ code: 0 });
  expect((await space.status('failing-verify')).state).toBe('ready');
  await down(space);
});

it('many.yml has as many machines as its input says', async () => {
  const space = await scenario();
  expect(await up(space, 'many', '--input', 'machines=5')).toMatchObject({ code: 0 });
  const machines = machinesOf(await space.status('many'));
  expect(machines.map(({ state }) => state)).toEqual(Array(5).fill('ready'));
  await down(space);
});

it('every-key.yml comes up, whatever its inputs are', async () => {
  const space = await scenario();
  const ran = await up(space, 'every-key');
  expect(ran.stderr).toMatch(/✔ every-key is ready/);
  expect(states(await space.status('every-key'))).toEqual([
    'store-0 ready',
    'store-1 ready',
    'web-0 ready',
    'web-1 ready',
    'smoke-0 ready',
    'spare-0 ready',
    'imaged-0 ready',
  ]);
  const log = await logOf(space, 'every-key', 'store-1', 'bootstrap');
  expect(log).toMatch(
    /^store 1 of 2, given 1 1\.50 true, with team core and ratio 1\.10: keep it simple\nmembers 127[^\n]*,127[^\n]*, first store-0, colour none\nthe password is \*\*\*, /,
  );
  const { certificate, answer, token } = (await space.machines('every-key')).get('store-0')?.outputs ?? {};
  expect([certificate?.split('\n').length, answer, token]).toEqual([3, '42', '***']);
  await down(space);
  expect(await logOf(space, 'every-key', 'web-0', 'teardown')).toMatch(
    /^web on web-0 closes, signed up at \d{4}-/,
  );

  const inputs = ['--input', 'webs=1', '--input', 'greet=false', '--input', 'motto=less is more'];
  expect(await up(space, 'every-key', '--name', 'small', ...inputs)).toMatchObject({ code: 0 });
  expect(await logOf(space, 'small', 'store-0', 'bootstrap')).toContain(': less is more\n');
});
