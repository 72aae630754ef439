import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openState } from '../../src/api/open-state.ts';
import { until } from '../support/until.ts';
import { jsonLines, plan, workspace } from './command.ts';
import { startProgram } from './program.ts';

/** Its scripts go on until a file is there. */
const SHOP = `
version: 1
name: shop
inputs:
  gates: {}
  token: { sensitive: true }
  word: { env: WORD, default: none, sensitive: true }
levels:
  - name: data
    services:
      db:
        env: { TOKEN: "{{inputs.token}}", WORD: "{{inputs.word}}", GATES: "{{inputs.gates}}" }
        bootstrap: { run: 'until [ -e "$GATES/db" ]; do sleep 0.05; done; echo "$TOKEN $WORD"' }
  - name: app
    services:
      web:
        count: 2
        env: { GATES: "{{inputs.gates}}" }
        bootstrap: { run: '[ ! -e "$GATES/bad" ]' }
`;

async function shop(text = SHOP) {
  const space = await workspace({ 'shop.yml': text });
  const cwd = space.path;
  return {
    ...space,
    argv: ['up', 'shop.yml', '--detach', '--input', `gates=${cwd}`, '--input', 'token=t0k3n-of-shop'],
    open: (gate: string) => writeFile(join(cwd, gate), ''),
    log: join(cwd, '.plan/detached/shop.log'),
    async down() {
      const { code, stderr } = await plan(['down', 'shop', '--yes', '--skip-teardown'], { cwd });
      expect(code, stderr).toBe(0);
    },
    async ids() {
      await using state = await openState({ cwd });
      const { instances } = await (await state.deployment('shop')).state();
      return [...instances.keys()].toSorted();
    },
  };
}

/** Runs a detaching up, and answers the number of the process in the background. */
async function detached(cwd: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const up = await plan(argv, { cwd, env });
  expect(up.code, up.stderr).toBe(0);
  return { up, pid: pidIn(up.stderr) };
}

function pidIn(text: string): number {
  const pid = Number(/\(process (\d+)\)/.exec(text)?.[1]);
  expect(pid).toBeGreaterThan(1);
  return pid;
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

describe('plan up --detach', () => {
  it('ends when its process in the background is at work, which goes on without a terminal', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const up = startProgram(cwd, space.argv);
    expect((await up.ended).code, up.stderr()).toBe(0);
    const pid = pidIn(up.stderr());
    expect(up.stdout()).toBe('');
    expect(up.stderr()).toBe(
      [
        `"shop" comes up in the background (process ${pid}), which goes on without this terminal.`,
        'Next: plan attach -d shop  (follows it)',
        '      plan cancel -d shop  (interrupts it)',
        'Log:  .plan/detached/shop.log',
        '',
      ].join('\n'),
    );
    const [, session] = /\) \S \d+ \d+ (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    expect(session).toBe(String(pid));
    process.kill(pid, 'SIGHUP');
    let opening: Promise<void> | undefined;
    const attached = await plan(['attach', 'shop'], {
      cwd,
      onStderr: (text) => {
        if (text.includes('"shop": up by ')) opening ??= space.open('db');
      },
    });
    await opening;
    expect(attached.code, attached.stderr).toBe(0);
    expect(attached.stderr).toContain(`"shop": up by `);
    expect(attached.stderr).toContain(`(process ${pid})`);
    expect(attached.stderr).toContain('✔ shop is ready in ');
    await until(() => !isAlive(pid));
    expect(statSync(space.log).mode & 0o777).toBe(0o600);
    expect(readFileSync(space.log, 'utf8')).toContain('✔ shop is ready in ');
    expect(await readdir(join(cwd, '.plan/detached'))).toEqual(['shop.log']);
    await space.down();
  });

  it('shows sensitive inputs to nobody who looks at processes, nor in its log', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const { pid } = await detached(cwd, [...space.argv, '--verbose'], { WORD: 'w0rd-of-shop' });
    for (const file of ['cmdline', 'environ']) {
      const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
      expect(text).not.toContain('t0k3n-of-shop');
      expect(text).not.toContain('w0rd-of-shop');
    }
    await space.open('db');
    expect((await plan(['wait', '--for', 'ready', '--timeout', '30s'], { cwd })).code).toBe(0);
    expect((await plan(['logs', 'db-0'], { cwd })).stdout).toBe('*** ***\n');
    const log = readFileSync(space.log, 'utf8');
    expect(log).toContain('db-0  bootstrap | *** ***');
    expect(log).not.toContain('-of-shop');
    await space.down();
  });

  it('tells programs with JSON Lines what it did, and attach what the background does', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const up = await plan([...space.argv, '--json'], { cwd });
    expect(up.code, up.stderr).toBe(0);
    const [, begun] = jsonLines(up.stdout);
    expect(jsonLines(up.stdout).map(({ type }) => type)).toEqual(['version', 'detached', 'result']);
    expect(begun).toMatchObject({ deployment: 'shop', log: space.log });
    expect(isAlive(Number(begun?.['pid']))).toBe(true);
    expect(jsonLines(up.stdout)[2]).toMatchObject({ outcome: 'succeeded', operation: 'up' });
    await space.open('db');
    const { code, stdout } = await plan(['attach', '--json'], { cwd });
    expect(code).toBe(0);
    const lines = jsonLines(stdout);
    expect(lines[0]).toMatchObject({ type: 'version', operation: 'up' });
    expect(lines[1]).toMatchObject({ type: 'operation-started', deployment: 'shop' });
    expect(lines.at(-2)).toMatchObject({ type: 'operation-ended', outcome: 'succeeded' });
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      outcome: 'succeeded',
      operation: 'up',
      deployments: [{ deployment: 'shop', outcome: 'succeeded', state: 'ready' }],
    });
    await space.down();
  });

  it('tells problems, questions and locks in the foreground, with the exit code of an up', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const problem = startProgram(cwd, ['up', 'shop.yml', '--detach', '--input', `gates=${cwd}`]);
    expect((await problem.ended).code).toBe(2);
    expect(problem.stderr()).toContain('token');
    const { pid } = await detached(cwd, space.argv);
    const second = await plan([...space.argv, '--json'], { cwd });
    expect(second.code).toBe(3);
    expect(second.stderr).toMatch(
      /^Cannot change deployment "shop": up by \S+ \(process \d+\) is at work since/,
    );
    expect(second.stderr).toContain(`(process ${pid})`);
    expect(jsonLines(second.stdout).at(-1)).toMatchObject({ type: 'result', outcome: 'failed' });
    expect(await readdir(join(cwd, '.plan/detached'))).toEqual(['shop.log']);
    await space.open('db');
    expect((await plan(['attach'], { cwd })).code).toBe(0);
    const fewer = SHOP.replace('count: 2', 'count: 1');
    await writeFile(join(cwd, 'shop.yml'), fewer);
    const question = startProgram(cwd, space.argv);
    expect((await question.ended).code).toBe(2);
    expect(question.stderr()).toContain('Cannot ask for confirmation: there is no terminal');
    const { up } = await detached(cwd, [...space.argv, '--yes']);
    expect(up.stderr).toContain('web-1');
    expect((await plan(['attach'], { cwd })).code).toBe(0);
    expect(await space.ids()).toHaveLength(2);
    await space.down();
  });

  it('tells in the foreground what a provider refuses before anything is launched', async () => {
    const hosts = `
version: 1
name: shop
providers: { there: { type: docker, host: "unix:///nowhere/docker.sock" } }
levels: [{ name: only, services: { db: { provider: there, image: "debian:12" } } }]
`;
    await using space = await shop(hosts);
    const up = await plan(['up', 'shop.yml', '--detach'], { cwd: space.path });
    expect(up.code).toBe(1);
    expect(up.stderr).toContain('/nowhere/docker.sock');
    expect(await readdir(join(space.path, '.plan/detached'))).toEqual([]);
  });

  it('ends what it started when it is interrupted before that has begun', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const { pid } = await detached(cwd, space.argv);
    const second = startProgram(cwd, [...space.argv, '--lock-timeout', '5m']);
    await until(async () => (await readdir(join(cwd, '.plan/detached'))).length === 2);
    await until(() => childrenOf(second.pid).length > 0);
    const [waiting = 0] = childrenOf(second.pid);
    second.kill('SIGINT');
    expect((await second.ended).code).toBe(130);
    await until(() => !isAlive(waiting));
    expect(await readdir(join(cwd, '.plan/detached'))).toEqual(['shop.log']);
    expect(isAlive(pid)).toBe(true);
    await space.open('db');
    expect((await plan(['attach'], { cwd })).code).toBe(0);
    await space.down();
  });

  it('takes down what failed, which attach follows too', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    await space.open('bad');
    const { pid } = await detached(cwd, [...space.argv, '--on-failure', 'down']);
    const attached = plan(['attach', '--json'], { cwd });
    await space.open('db');
    const { code, stdout } = await attached;
    expect(code).toBe(1);
    expect(jsonLines(stdout).at(-1)).toMatchObject({
      type: 'result',
      outcome: 'failed',
      deployments: [
        { operation: 'up', outcome: 'failed' },
        { operation: 'down', outcome: 'succeeded', state: 'terminated' },
      ],
    });
    expect(await space.ids()).toEqual([]);
    await until(() => !isAlive(pid));
  });

  it('loses no machine when its process is killed, and an up goes on', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const { pid } = await detached(cwd, space.argv);
    const attached = startProgram(cwd, ['attach']);
    await attached.says('Ctrl-C detaches');
    await until(async () => (await space.ids()).length === 1);
    const before = await space.ids();
    process.kill(pid, 'SIGKILL');
    expect((await attached.ended).code).toBe(1);
    expect(attached.stderr()).toMatch(
      /The up by \S+ broke off: its process is gone\. What was done so far is recorded\.\n/,
    );
    expect(attached.stderr()).toContain('What it said is in .plan/detached/shop.log\nNext: plan up shop.yml');
    const again = await plan(['attach', '--json'], { cwd });
    expect(again.code).toBe(1);
    expect(jsonLines(again.stdout).at(-1)).toMatchObject({ outcome: 'interrupted' });
    await space.open('db');
    await detached(cwd, space.argv);
    expect((await plan(['attach'], { cwd })).code).toBe(0);
    expect(await space.ids()).toHaveLength(3);
    expect(await space.ids()).toEqual(expect.arrayContaining([...before]));
    await space.down();
  });

  it('is interrupted in order by plan cancel, and an up goes on', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const none = await plan(['cancel', 'shop'], { cwd });
    expect(none.code).toBe(2);
    const { pid } = await detached(cwd, space.argv);
    const attached = plan(['attach'], { cwd });
    const { code, stderr } = await plan(['cancel'], { cwd });
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /^The up by \S+ \(process \d+\) has ended: what was done so far is recorded\.\n$/,
      ) as string,
    });
    expect(await attached).toMatchObject({ code: 1 });
    expect((await attached).stderr).toContain('✘ Interrupted: what was done so far is recorded');
    await until(() => !isAlive(pid));
    const idle = await plan(['cancel', 'shop'], { cwd });
    expect(idle).toMatchObject({
      code: 2,
      stderr: 'Cannot cancel what is done with "shop": no operation is under way\n',
    });
    const { pid: next } = await detached(cwd, space.argv);
    const json = await plan(['cancel', '--json'], { cwd });
    expect(JSON.parse(json.stdout)).toMatchObject({
      deployment: 'shop',
      operation: 'up',
      pid: next,
      ended: true,
    });
    await space.down();
  });

  it('refuses what it cannot hand over', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const both = await plan([...space.argv, '--no-wait'], { cwd });
    expect(both).toMatchObject({ code: 2 });
    const stream = await plan([...space.argv, '--input-file', '/dev/null'], { cwd });
    expect(stream).toMatchObject({ code: 2 });
    expect(stream.stderr).toContain('it is not a regular file');
    const background = startProgram(cwd, ['__background', 'shop']);
    expect((await background.ended).code).toBe(2);
  });
});

function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}
