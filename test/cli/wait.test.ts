import { writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openState } from '../../src/api/open-state.ts';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';
import { collector, plan, workspace } from './command.ts';
import { startProgram } from './program.ts';

/** Its scripts go on until a file is there. */
const SHOP = (gates: string): string => `
version: 1
name: shop
levels:
  - name: data
    services:
      db: { bootstrap: { run: "until [ -e ${gates}/db ]; do sleep 0.05; done" } }
  - name: app
    services:
      web: { count: 2, bootstrap: { run: "until [ -e ${gates}/web ]; do sleep 0.05; done; [ ! -e ${gates}/bad ]" } }
`;

const takeDown = async (path: string): Promise<void> => {
  expect((await plan(['down', 'shop', '--yes', '--skip-teardown'], { cwd: path })).code).toBe(0);
};

async function shop() {
  const space = await workspace();
  await writeFile(`${space.path}/shop.yml`, SHOP(space.path));
  return {
    ...space,
    open: (gate: string) => writeFile(`${space.path}/${gate}`, ''),
  };
}

describe('plan wait', () => {
  it('returns as soon as the selected machines are there, and for a deployment when its operation is over', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const whole = startProgram(cwd, ['wait', '--for', 'ready', '-d', 'shop', '--timeout', '30s', '--json']);
    const up = startProgram(cwd, ['up', 'shop.yml']);
    const all = plan(['wait', '*', '--for', 'ready', '-d', 'shop', '--timeout', '30s'], { cwd });
    await space.open('db');
    const db = await plan(['wait', 'db', '--for', 'ready', '-d', 'shop', '--timeout', '30s'], { cwd });
    expect(db).toMatchObject({ code: 0, stdout: '', stderr: '1 machine of "shop" is ready.\n' });
    const late = await plan(['wait', '@app', '--for', 'ready', '--timeout', '300ms'], { cwd });
    expect(late.code).toBe(1);
    expect(late.stderr).toMatch(
      /^Cannot wait any longer for 2 machines of "shop" to be ready: time ran out after 0\.3s\n {2}web-0 {2}\w+\n {2}web-1 {2}\w+\n$/,
    );
    await space.open('web');
    expect((await up.ended).code).toBe(0);
    expect(await all).toMatchObject({ code: 0, stderr: '3 machines of "shop" are ready.\n' });
    expect((await whole.ended).code).toBe(0);
    expect(JSON.parse(whole.stdout())).toEqual({
      format: 1,
      deployment: 'shop',
      for: 'ready',
      end: 'reached',
      machines: ['db-0', 'web-0', 'web-1'].map((name) => ({ name, state: 'ready' })),
      lacking: [],
    });
    const again = await plan(['wait', '--for', 'ready'], { cwd });
    expect(again).toMatchObject({ code: 0, stderr: '"shop" is ready.\n' });
    await takeDown(cwd);
  });

  it('waits for the end of a deployment, and of machines that stop', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    await Promise.all([space.open('db'), space.open('web')]);
    expect((await plan(['up', 'shop.yml'], { cwd })).code).toBe(0);
    const stopped = plan(['wait', 'web-1', '--for', 'stopped', '--timeout', '20s'], { cwd });
    {
      await using state = await openState({ cwd });
      await (await state.deployment()).stop('web-1');
    }
    expect(await stopped).toMatchObject({ code: 0, stderr: '1 machine of "shop" is stopped.\n' });
    const notAll = await plan(['wait', '--for', 'stopped', '--quiet'], { cwd });
    expect(notAll.code).toBe(1);
    expect(notAll.stderr).toContain('to be stopped: the stop by');
    expect(notAll.stderr).toContain(
      'has ended (succeeded), and no other is under way\n  db-0  ready\n  web-0  ready\n',
    );
    const ended = plan(['wait', '--for', 'terminated', '-q'], { cwd });
    const one = plan(['wait', 'web-0', '--for', 'terminated', '--json'], { cwd });
    await takeDown(cwd);
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse((await one).stdout)).toMatchObject({ end: 'reached', lacking: [] });
    const never = await plan(['wait', 'web', '--for', 'ready', '-d', 'shop'], { cwd });
    expect(never.code).toBe(1);
    expect(never.stderr).toContain('web-0  terminated');
    expect(never.stderr).toContain('Next: plan up shop.yml');
    const [gone, lost] = [
      plan(['wait', 'web', '--for', 'terminated', '-d', 'shop'], { cwd }),
      plan(['wait', 'web', '--for', 'ready', '-d', 'shop'], { cwd }),
    ];
    expect((await plan(['down', 'shop', '--purge', '--yes'], { cwd })).code).toBe(0);
    expect((await gone).code).toBe(0);
    expect(await lost).toMatchObject({ code: 1 });
    expect((await lost).stderr).toContain('to be ready: its record was removed\n');
  });

  it('says what failed once nothing is under way that could heal it', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    await Promise.all(['db', 'web', 'bad'].map((gate) => space.open(gate)));
    const failed = plan(['wait', '--for', 'failed', '-d', 'shop', '--timeout', '30s'], { cwd });
    const ready = plan(['wait', '--for', 'ready', '-d', 'shop', '--timeout', '30s', '--json'], { cwd });
    expect((await plan(['up', 'shop.yml'], { cwd })).code).toBe(1);
    expect(await failed).toMatchObject({ code: 0 });
    expect((await failed).stderr).toMatch(/^Of "shop" ha(?:s|ve) failed: web-/);
    const { code, stdout } = await ready;
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ end: 'over', lacking: ['web-0', 'web-1'] });
    const db = await plan(['wait', 'db', '--for', 'failed'], { cwd });
    expect(db.code).toBe(1);
    expect(db.stderr).toMatch(/^Cannot wait any longer for a failure: the up by \S+ has ended \(failed\)/);
    await takeDown(cwd);
  });

  it('says that the process of the operation is gone', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const up = startProgram(cwd, ['up', 'shop.yml']);
    await up.says('connected');
    const waiting = plan(['wait', 'db', '--for', 'ready'], { cwd });
    up.kill('SIGKILL');
    await up.ended;
    const { code, stderr } = await waiting;
    expect(code).toBe(1);
    expect(stderr).toContain(
      'broke off: its process is gone, and no other is under way\n  db-0  bootstrapping\n',
    );
    await takeDown(cwd);
  });

  it('ends with the exit code of a signal', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const up = startProgram(cwd, ['up', 'shop.yml']);
    await up.says('connected');
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const { stream } = collector();
      const io: Io = {
        stdin: new PassThrough(),
        stdout: stream,
        stderr: stream,
        env: {},
        cwd,
        onStop(listener) {
          setImmediate(() => listener(signal));
          return () => undefined;
        },
        exit: () => undefined,
      };
      expect(await run(['wait', '--for', 'ready'], io)).toBe(code);
    }
    await space.open('db');
    await space.open('web');
    expect((await up.ended).code).toBe(0);
    await takeDown(cwd);
  });

  it('refuses what it cannot wait for', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    expect(await plan(['wait'], { cwd })).toMatchObject({
      code: 2,
      stderr:
        'Cannot wait: nothing says what for\nAdd --for with one of ready, stopped, terminated, failed.\n',
    });
    expect((await plan(['wait', '--for', 'ready', '--timeout', 'long'], { cwd })).code).toBe(2);
    expect((await plan(['wait', '--for', 'ready', '-d', 'shop'], { cwd })).stderr).toContain(
      'none is recorded',
    );
    const late = await plan(['wait', '--for', 'ready', '-d', 'shop', '--timeout', '100ms'], { cwd });
    expect(late).toMatchObject({ code: 2 });
    await Promise.all([space.open('db'), space.open('web')]);
    expect((await plan(['up', 'shop.yml'], { cwd })).code).toBe(0);
    expect((await plan(['wait', 'nothing', '--for', 'ready'], { cwd })).code).toBe(2);
    await takeDown(cwd);
  });
});
