import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/state/database.ts';
import type { Ran } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';
import type { Program } from './program.ts';
import { startProgram } from './program.ts';

const SLOW = `
version: 1
name: slow
levels:
  - name: only
    services:
      sleeper:
        bootstrap: { run: 'echo "asleep"; sleep 60' }
`;

const QUICK = `
version: 1
name: quick
levels: [{ name: only, services: { web: {} } }]
`;

let space: Awaited<ReturnType<typeof workspace>>;
let up: Program;

function here(...argv: readonly string[]): Promise<Ran> {
  return plan(argv, { cwd: space.path });
}

/** As if the lock had been taken on another computer. */
function moveAway(): void {
  const db = openDatabase(join(space.path, '.plan/state.db'));
  db.exec(`UPDATE leases SET host = 'far', kernel = 'another'`);
  db.close();
}

beforeAll(async () => {
  space = await workspace({ 'slow.yml': SLOW, 'quick.yml': QUICK });
  expect((await here('up', 'quick.yml')).code).toBe(0);
  up = startProgram(space.path, ['up', 'slow.yml', '-v']);
  await up.says('asleep');
});

afterAll(async () => {
  up.kill('SIGKILL');
  await up.ended;
  await here('down', '--yes', 'quick');
  await here('down', '--yes', 'slow', '--skip-teardown');
  await space[Symbol.asyncDispose]();
});

describe('down of several deployments', () => {
  it('goes on with the next one when one is locked, and reports both', async () => {
    const ran = await here('down', 'slow', 'quick', '--yes', '--json');
    expect(ran.code).toBe(3);
    expect(ran.stderr).toMatch(/^Cannot change deployment "slow": up by [^\n]*\nWait until [^\n]*\n$/);
    expect(jsonLines(ran.stdout).at(-1)).toMatchObject({
      type: 'result',
      outcome: 'failed',
      deployments: [
        {
          deployment: 'slow',
          outcome: 'failed',
          error: expect.stringContaining('Cannot change') as string,
          state: null,
        },
        { deployment: 'quick', outcome: 'succeeded', state: 'terminated' },
      ],
    });
    expect((await here('status', 'quick')).stdout).toMatch(/^quick {2}terminated/);
  });
});

describe('unlock', () => {
  it('has nothing to do where nothing is locked, and wants to know the name', async () => {
    expect(await here('unlock', 'quick')).toMatchObject({
      code: 0,
      stderr: '"quick" is not locked: there is nothing to do.\n',
    });
    expect(JSON.parse((await here('unlock', 'quick', '--json')).stdout)).toEqual({
      format: 1,
      deployment: 'quick',
      unlocked: false,
      holder: null,
    });
    expect((await here('unlock', 'quikc')).code).toBe(2);
    expect((await here('unlock')).code).toBe(2);
  });

  it('refuses while the holder is alive on this host', async () => {
    const ran = await here('unlock', 'slow', '--yes');
    expect(ran.code).toBe(3);
    expect(ran.stderr).toMatch(
      /^Cannot unlock deployment "slow": up by [^ ]+ \(process \d+\) is at work since [\d:]+\nWait until it has ended, or end it: /,
    );
  });

  it('says who has the lock and asks, or is told to, and the holder can do nothing more', async () => {
    moveAway();
    const locked = await here('up', 'slow.yml');
    expect(locked.code).toBe(3);
    expect(locked.stderr).toMatch(/on another host, "far"\n[^\n]*"plan unlock slow"/);
    const asked = await here('unlock', 'slow');
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(
      /^The lock of "slow" belongs to up by [^ ]+ \(process \d+\) since [\d:]+, on "far": make sure [^\n]*\nCannot ask/,
    );
    const interrupted = await plan(['unlock', 'slow'], {
      cwd: space.path,
      terminal: { columns: 80, rows: 24 },
      onStderr: (text, send) => text.includes('[y/N]') && send('SIGINT'),
    });
    expect(interrupted.code).toBe(130);
    const unlocked = await here('unlock', 'slow', '--yes', '--json');
    expect(JSON.parse(unlocked.stdout)).toMatchObject({
      deployment: 'slow',
      unlocked: true,
      holder: { operation: 'up', host: 'far' },
    });
    up.kill('SIGINT');
    expect((await up.ended).code).toBe(3);
    expect(up.stderr()).toContain('Cannot record what happens to deployment "slow": its lock was broken');
  });

  it('breaks what a process left that died here, although the next operation would, too', async () => {
    up = startProgram(space.path, ['up', 'slow.yml', '-v']);
    await up.says('asleep');
    up.kill('SIGKILL');
    await up.ended;
    const followed = await here('events', 'slow', '--follow');
    expect(followed.code).toBe(0);
    expect(followed.stderr).toMatch(/^The up by [^ ]+ broke off: its process is gone\.\n$/);
    expect((await here('status', 'slow')).stdout).toMatch(/broke off, its process is gone, began /);
    const ran = await plan(['unlock', 'slow'], {
      cwd: space.path,
      terminal: { columns: 80, rows: 24 },
      typed: 'y\n',
    });
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(
      /: its process is gone\.\nBreak it\? \[y\/N\] "slow" is unlocked\. It was locked by up by /,
    );
    expect((await here('unlock', 'slow')).stderr).toMatch(/is not locked/);
  });
});
