import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ran } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';

const stack = (count: number, protect = false): string => `
version: 1
name: stack
levels:
  - name: app
    services:
      web: { count: ${count}, protect: ${protect}, bootstrap: { run: "true" }, verify: { run: "true" } }
      agent: { colocate: web, verify: { run: "true" } }
`;

let space: Awaited<ReturnType<typeof workspace>>;

function here(...argv: readonly string[]): Promise<Ran> {
  return plan([...argv, ...(argv[0] === 'status' ? [] : ['--progress', 'quiet'])], { cwd: space.path });
}

/** Names of what is there. */
async function machines(): Promise<readonly string[]> {
  const { stdout } = await here('status', '--json');
  return [...stdout.matchAll(/"name": "(\w+-\d)"/g)].map(([, name = '']) => name);
}

async function serviceLine(): Promise<string> {
  return /^ {2}web .*$/m.exec((await here('status')).stdout)?.[0].trim() ?? '';
}

beforeAll(async () => {
  space = await workspace({ 'stack.yml': stack(2) });
  expect((await here('up', 'stack.yml')).code).toBe(0);
});

afterAll(async () => {
  await here('down', '--yes', '--force-protected');
  await space[Symbol.asyncDispose]();
});

describe('scale', () => {
  it.each<[string, readonly string[], RegExp]>([
    ['nothing', [], /^Cannot scale: nothing says which service\nWrite "web=3"/],
    ['a service alone', ['web'], /Cannot scale by "web": it is not a change such as "web=3"/],
    ['a change without "="', ['web+2'], /Did you mean "web=\+2"\?/],
    ['a service twice', ['web=2', 'web=+1'], /Cannot scale "web": it is given twice/],
    [
      'an unknown service',
      ['wep=3'],
      /Cannot scale "wep": the plan has no service of that name\nDid you mean "web"\?/,
    ],
    ['fewer than none', ['web=-3'], /Cannot scale "web": it has 2 machines/],
    ['what is no machine', ['--remove', 'web'], /Cannot remove "web": it is no machine/],
    [
      'another one’s machine',
      ['--remove', 'web-7'],
      /Cannot remove "web-7": it is no machine of service "web"/,
    ],
    [
      'hosts of others to none',
      ['web=0', 'agent=1'],
      /Cannot scale "web": service "agent" shares its machines/,
    ],
  ])('refuses %s', async (_, words, message) => {
    const ran = await here('scale', ...words);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(message);
    expect((await here('status')).stdout).not.toContain('scaled');
  });

  it('launches more without asking, with those that share them; status, diff and up say so', async () => {
    const ran = await plan(['scale', 'web=+1'], { cwd: space.path });
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('web: 3 machines (scaled; the plan says 2)\n');
    expect(await machines()).toEqual(['web-0', 'web-1', 'web-2', 'agent-0', 'agent-1', 'agent-2']);
    expect(await serviceLine()).toBe('web  3 of 3 ready (scaled; the plan says 2)');
    const { stdout } = await here('status', '--json');
    expect(stdout).toContain('"planned": {');
    expect((await here('diff', 'stack.yml')).stdout).toMatch(
      /^No differences\nweb: 3 machines \(scaled; the plan says 2\)\n/,
    );
    expect(JSON.parse((await here('diff', 'stack.yml', '--json')).stdout)).toMatchObject({
      overrides: [
        { service: 'web', planned: { max: 2 }, count: { max: 3 }, without: [] },
        { service: 'agent' },
      ],
    });
    expect((await here('up', 'stack.yml', '--dry-run')).stdout).toContain('scaled; the plan says 2');
    const up = await plan(['up', 'stack.yml'], { cwd: space.path });
    expect(up.code).toBe(0);
    expect(up.stderr).toMatch(/is ready: there is nothing to do\.\n$/);
    expect(await machines()).toHaveLength(6);
  });

  it('asks before a machine goes, and says which', async () => {
    const ran = await here('scale', '--remove', 'web-0');
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/would .*terminate 2 machines\nweb: 2 machines \(scaled; without web-0\)\n/);
    expect(ran.stderr).toContain('Cannot ask for confirmation');
    const sure = await here('scale', '--remove', 'web-0', '--yes', '--json');
    expect(sure.code).toBe(0);
    const lines = jsonLines(sure.stdout);
    expect(lines.find(({ type }) => type === 'forecast')).toMatchObject({
      differences: [
        { machine: 'agent-0', action: 'terminate' },
        { machine: 'web-0', action: 'terminate' },
      ],
    });
    expect(lines.at(-1)).toMatchObject({ type: 'result', operation: 'scale', outcome: 'succeeded' });
    expect(await machines()).toEqual(['web-1', 'web-2', 'agent-1', 'agent-2']);
    expect(await serviceLine()).toBe('web  2 of 2 ready (scaled; without web-0)');
  });

  it('goes without what was removed, although the plan says the same number', async () => {
    expect((await here('up', 'stack.yml')).code).toBe(0);
    expect(await machines()).toEqual(['web-1', 'web-2', 'agent-1', 'agent-2']);
  });

  it('is forgotten when it is back at what the plan says', async () => {
    expect((await here('scale', 'web=1', '--yes')).code).toBe(0);
    expect(await machines()).toEqual(['web-1', 'agent-1']);
    expect((await here('scale', 'web=2')).code).toBe(0);
    expect(await machines()).toEqual(['web-0', 'web-1', 'agent-0', 'agent-1']);
    expect(await serviceLine()).toBe('web  2 of 2 ready');
  });

  it('starts what is stopped', async () => {
    expect((await here('stop', 'web-1', '--yes')).code).toBe(0);
    expect((await here('scale', 'web=+1')).code).toBe(0);
    expect(await serviceLine()).toBe('web  3 of 3 ready (scaled; the plan says 2)');
  });

  it('is forgotten by an up whose plan says the same', async () => {
    await writeFile(join(space.path, 'stack.yml'), stack(3));
    expect((await here('up', 'stack.yml')).code).toBe(0);
    expect(await serviceLine()).toBe('web  3 of 3 ready');
  });

  it('refuses to end protected machines without --force-protected, before it asks', async () => {
    await writeFile(join(space.path, 'stack.yml'), stack(3, true));
    expect((await here('up', 'stack.yml')).code).toBe(0);
    const ran = await here('scale', 'web=2');
    expect(ran).toMatchObject({ code: 2 });
    expect(ran.stderr).toBe(
      'Cannot terminate "web-2": service "web" is protected\nAdd --force-protected to do it all the same.\n',
    );
    expect((await here('scale', 'web=2', '--yes', '--force-protected')).code).toBe(0);
    expect(await machines()).toHaveLength(4);
  });

  it('leaves verify only what is there, and up nothing to record', async () => {
    expect((await here('scale', 'web=5')).code).toBe(0);
    expect((await here('scale', 'web=2', '--yes', '--force-protected')).code).toBe(0);
    expect(await here('verify')).toMatchObject({ code: 0, stdout: '✔ 4 machines verified\n' });
    expect((await plan(['__complete', '--', 'ssh', 'web'], { cwd: space.path })).stdout.trim()).toBe(
      'web-0\nweb-1',
    );
    expect((await here('up', 'stack.yml')).code).toBe(0);
    const before = (await here('events')).stdout.split('plan recorded').length;
    expect((await here('up', 'stack.yml')).code).toBe(0);
    expect((await here('events')).stdout.split('plan recorded')).toHaveLength(before);
  });

  it('to none and back', async () => {
    expect((await here('scale', 'web=0', '--yes', '--force-protected')).code).toBe(0);
    expect(await machines()).toEqual([]);
    expect((await here('scale', 'web=+2')).code).toBe(0);
    expect(await machines()).toEqual(['web-0', 'web-1', 'agent-0', 'agent-1']);
  });

  it('refuses a deployment that is terminated', async () => {
    expect((await here('down', '--yes', '--force-protected')).code).toBe(0);
    expect(await here('scale', 'web=4')).toMatchObject({
      code: 2,
      stderr:
        'Cannot scale "stack": it is terminated\nBring it up first, or change the number of machines in its plan.\n',
    });
  });

  it('leaves repair, verify and ssh nothing of what is terminated', async () => {
    expect(await here('repair')).toMatchObject({
      code: 2,
      stderr: 'Cannot repair "stack": it is terminated\nRun "plan up PLAN" to bring it up again.\n',
    });
    expect(await here('verify')).toMatchObject({ code: 1, stdout: '"stack" has no machines.\n' });
    expect(await here('ssh', 'web-0')).toMatchObject({
      code: 2,
      stderr: 'Cannot choose a machine: no machine of "stack" is there\nRun "plan up PLAN" to bring it up.\n',
    });
  });
});
