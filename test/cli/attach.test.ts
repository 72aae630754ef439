import { writeFile } from 'node:fs/promises';
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
inputs: { gates: {} }
levels:
  - name: data
    services:
      db: { count: 2, env: { GATES: "{{inputs.gates}}" }, bootstrap: { run: '[ ! -e "$GATES/bad" ]' } }
  - name: app
    services:
      web:
        count: { min: 1, max: 2 }
        env: { GATES: "{{inputs.gates}}" }
        bootstrap: { run: '[ "$PLAN_INDEX" = 0 ] || exit 7; until [ -e "$GATES/web" ]; do sleep 0.05; done' }
        teardown: { run: 'until [ -e "$GATES/down" ]; do sleep 0.05; done' }
        attempts: { bootstrap: 1 }
`;

async function shop() {
  const space = await workspace({ 'shop.yml': SHOP });
  const cwd = space.path;
  return {
    ...space,
    up: ['up', 'shop.yml', '--input', `gates=${cwd}`],
    open: (gate: string) => writeFile(join(cwd, gate), ''),
  };
}

describe('plan attach', () => {
  it('shows what another process does, what happened so far in short, to its end', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const up = startProgram(cwd, space.up);
    await up.says('bootstrap failed');
    const attached = startProgram(cwd, ['attach']);
    let [drawn, told] = ['', ''];
    const live = plan(['attach', 'shop'], {
      cwd,
      terminal: { columns: 80, rows: 24 },
      onStderr: (text) => (drawn += text),
    });
    const json = plan(['attach', '--json'], { cwd, onStdout: (text) => (told += text) });
    await attached.says('web-1  bootstrap:');
    await until(() => drawn.includes('0/2 ready, 1 bootstrapping, 1 failed') && told.includes('step-failed'));
    await space.open('web');
    expect((await up.ended).code).toBe(0);
    expect((await attached.ended).code).toBe(0);
    const [opening = '', ...lines] = attached.stderr().split('\n');
    expect(opening).toMatch(
      /^"shop": up by \S+ \(process \d+\) since [\d:]+, for [\d.]+s\. Ctrl-C detaches, and it goes on\.$/,
    );
    expect(opening).toContain(`(process ${up.pid})`);
    expect(lines.slice(0, 3)).toEqual([
      '  data  2 ready',
      expect.stringMatching(/^ {2}app {2}(?:1 bootstrapping, 1 failed|1 failed, 1 bootstrapping)$/),
      '  web-1  bootstrap: Bootstrap "run" exited with 7',
    ]);
    expect(attached.stderr()).not.toContain('launched in');
    expect(attached.stderr()).toMatch(/\n +[\d.]+s {2}web-0 {2}bootstrapped in/);
    expect(attached.stderr()).toMatch(
      /✔ shop is ready in [\d.]+s: 2 levels, 3 machines \(1 fewer than asked for\)/,
    );
    expect(attached.stderr()).toContain('Where the time went:\n  data');
    const terminal = await live;
    expect(terminal.code).toBe(0);
    expect(terminal.stderr).toContain('0/2 ready, 1 bootstrapping, 1 failed');
    const facts = jsonLines((await json).stdout);
    expect(facts.slice(0, 2).map(({ type }) => type)).toEqual(['version', 'operation-started']);
    expect(facts.some(({ type, machine }) => type === 'machine-running' && machine === 'db-0')).toBe(true);
    expect(facts.at(-1)).toMatchObject({ type: 'result', outcome: 'succeeded' });
    const late = await plan(['attach'], { cwd });
    expect(late.code).toBe(0);
    expect(late.stderr).toMatch(
      /^No operation is under way on "shop"\. The last, up by \S+, ended at [\d:]+ after [\d.]+s: succeeded\.\n$/,
    );
    expect((await plan(['down', '--yes', '--skip-teardown'], { cwd })).code).toBe(0);
  });

  it('detaches at Ctrl-C and leaves the operation alone', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const up = startProgram(cwd, space.up);
    await up.says('connected');
    const attached = startProgram(cwd, ['attach']);
    await attached.says('Ctrl-C detaches');
    attached.kill('SIGINT');
    expect((await attached.ended).code).toBe(130);
    expect(attached.stderr()).toMatch(
      /\nDetached: it goes on\. "plan attach" comes back to it, and "plan cancel" ends it\.\n$/,
    );
    await space.open('web');
    expect((await up.ended).code).toBe(0);
    await space.open('down');
    expect((await plan(['down', '--yes', ...space.up.slice(2)], { cwd })).code).toBe(0);
  });

  it('follows a down, also one that removes the record', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    await space.open('web');
    expect((await plan(space.up, { cwd })).code).toBe(0);
    const down = startProgram(cwd, ['down', '--yes', '--purge', ...space.up.slice(2)]);
    await down.says('down by');
    const attached = startProgram(cwd, ['attach', 'shop']);
    await attached.says('Ctrl-C detaches');
    await space.open('down');
    expect((await down.ended).code).toBe(0);
    expect((await attached.ended).code, attached.stderr()).toBe(0);
    expect(attached.stderr()).toContain('"shop": down by ');
    expect(attached.stderr()).toContain('The down of "shop" has succeeded');
    expect((await plan(['attach', 'shop'], { cwd })).code).toBe(2);
  });

  it('ends with an operation that broke off, although another one has gone on since', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const up = startProgram(cwd, space.up);
    await up.says('connected');
    await using state = await openState({ cwd });
    const deployment = await state.deployment('shop', { timeout: 5_000 });
    const attachment = await deployment.attach();
    expect(attachment).toMatchObject({ presence: 'under-way', operation: { id: 1, endedAt: null } });
    up.kill('SIGKILL');
    await up.ended;
    expect((await deployment.attach()).presence).toBe('broken');
    await space.open('web');
    expect((await plan(space.up, { cwd })).code).toBe(0);
    const { operation, state: last } = await attachment.follow();
    expect(operation).toMatchObject({ id: 1, endedAt: null });
    expect(last.operation).toMatchObject({ id: 1, endedAt: null });
    expect(await attachment.next()).toBeNull();
    const following = (await deployment.attach()).follow();
    const seen: string[] = [];
    for await (const { fact, isPast } of following) if (isPast) seen.push(fact.type);
    expect([seen[0], seen.at(-1)]).toEqual(['operation-started', 'operation-ended']);
    expect((await following).operation).toMatchObject({ id: 2, outcome: 'succeeded' });
    await space.open('down');
    expect((await plan(['down', '--yes', ...space.up.slice(2)], { cwd })).code).toBe(0);
  });

  it('answers how the last operation ended when none is under way', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    await space.open('bad');
    expect((await plan(space.up, { cwd })).code).toBe(1);
    const { code, stderr } = await plan(['attach'], { cwd });
    expect(code).toBe(1);
    expect(stderr).toMatch(/: failed\.\nNext: plan up shop\.yml\n {6}plan status shop\n$/);
    const json = await plan(['attach', '--json'], { cwd });
    expect(json.code).toBe(1);
    expect(jsonLines(json.stdout)).toMatchObject([
      { type: 'version', operation: 'up' },
      {
        type: 'result',
        outcome: 'failed',
        deployments: [{ failures: [{ machine: 'db-0' }, { machine: 'db-1' }] }],
      },
    ]);
    expect((await plan(['down', '--yes', '--skip-teardown'], { cwd })).code).toBe(0);
  });
});

describe('plan up --no-wait', () => {
  it('asks for machines and comes back, and an up goes on without asking twice', async () => {
    await using space = await shop();
    const { path: cwd } = space;
    const asked = await plan([...space.up, '--no-wait'], { cwd });
    expect(asked.code, asked.stderr).toBe(0);
    expect(asked.stderr).toContain(
      '"shop" was given 2 machines, which nothing works on for now.\nNext: plan up shop.yml  (goes on from there)\n      plan status shop\n',
    );
    const status = await plan(['status', '--json'], { cwd });
    expect(status.code).toBe(1);
    expect(JSON.parse(status.stdout)).toMatchObject({
      state: 'starting',
      operation: { kind: 'up', outcome: 'succeeded' },
      levels: [
        { state: 'starting', services: [{ machines: [{ state: 'launching' }, { state: 'launching' }] }] },
        { state: 'pending' },
      ],
    });
    const waited = await plan(['wait', '--for', 'ready'], { cwd });
    expect(waited.code).toBe(1);
    expect(waited.stderr).toContain('has ended (succeeded), and no other is under way\n  db-0  launching\n');
    const again = await plan([...space.up, '--no-wait'], { cwd });
    expect(again.code).toBe(0);
    expect(again.stderr).toContain(
      '\n"shop" lacks no machines now. "plan up shop.yml" goes on with what else there is to do.\n',
    );
    const attached = await plan(['attach'], { cwd });
    expect(attached.code).toBe(0);
    const ids = await idsIn(cwd);
    await space.open('web');
    expect((await plan(space.up, { cwd })).code).toBe(0);
    expect(await idsIn(cwd)).toEqual(expect.arrayContaining([...ids]));
    expect(await idsIn(cwd)).toHaveLength(4);
    expect((await plan(['down', '--yes', '--skip-teardown'], { cwd })).code).toBe(0);
  });
});

async function idsIn(cwd: string): Promise<readonly string[]> {
  await using state = await openState({ cwd });
  return [...(await (await state.deployment('shop')).state()).instances.keys()].toSorted();
}
