import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationEvent } from '../../src/index.ts';
import { openState, OperationError, PlanProblems, UsageError } from '../../src/index.ts';
import type { State } from '../../src/index.ts';
import { workspace } from '../cli/command.ts';

const SHOP = `
version: 1
name: shop
inputs:
  webs: { default: 2 }
  token: { env: TOKEN, sensitive: true }
  color: { default: red }
levels:
  - name: data
    services:
      db:
        env: { TOKEN: "{{inputs.token}}" }
        bootstrap: { run: 'echo "port=7070" >> "$PLAN_OUTPUT"; echo "key=sesame-open" >> "$PLAN_OUTPUT"; echo "db is up"' }
        outputs: { port: {}, key: { sensitive: true } }
  - name: app
    services:
      web:
        count: "{{inputs.webs}}"
        env: { COLOR: "{{inputs.color}}" }
        bootstrap: { run: 'rm -f ~/broken; echo "web is $COLOR"' }
        verify: { run: 'test ! -e ~/broken', timeout: 500ms, interval: 100ms }
`;
const SLOW = `
version: 1
name: slow
inputs: { unused: { default: 1 } }
levels: [{ name: only, services: { sleeper: { bootstrap: { run: 'echo asleep; sleep 60' } } } }]
`;

let space: Awaited<ReturnType<typeof workspace>>;
let state: State;

beforeAll(async () => {
  space = await workspace({ 'shop.yml': SHOP, 'slow.yml': SLOW, 'blue.yml': 'color: blue\n' });
  await writeFile(join(space.path, 'wrong.yml'), 'version: 1\nname: wrong\nlevles: []\n');
  state = await openState({ cwd: space.path, environment: { TOKEN: 'hush-hush' }, showOutput: true });
});

afterAll(async () => {
  for (const { name } of await state.deployments())
    await (await state.deployment(name)).down({ skipTeardown: true });
  await state[Symbol.asyncDispose]();
  await space[Symbol.asyncDispose]();
});

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('openState()', () => {
  it('finds the state directory as the command line does', async () => {
    const cwd = join(space.path, 'inner');
    await mkdir(cwd);
    const directoryOf = async (settings: Parameters<typeof openState>[0]): Promise<string> =>
      (await openState({ cwd, ...settings })).directory;
    expect(await directoryOf({ directory: 'mine' })).toBe(join(cwd, 'mine'));
    expect(await directoryOf({ environment: { PLAN_STATE_DIR: '/elsewhere' } })).toBe('/elsewhere');
    expect(await directoryOf({ environment: { PLAN_STATE_DIR: '' } })).toBe(join(cwd, '.plan'));
    expect((await openState()).directory).toMatch(/\.plan$/);
  });

  it('reads a state in which nothing is recorded, and makes none', async () => {
    const empty = await openState({ directory: join(space.path, 'nothing') });
    expect(await empty.deployments()).toEqual([]);
    expect(await empty.statuses()).toEqual([]);
    await expect(empty.deployment()).rejects.toThrow('none is recorded here');
    await expect(empty.lockHolder('shop')).rejects.toBeInstanceOf(UsageError);
    await expect(empty.unlock('shop')).rejects.toBeInstanceOf(UsageError);
  });
});

describe('a plan', () => {
  it('is validated without values', async () => {
    expect(await state.validate('shop.yml')).toEqual({
      plan: 'shop.yml',
      valid: true,
      problems: [],
      warnings: [],
    });
    const { valid, problems } = await state.validate('wrong.yml');
    expect([valid, problems[0]?.suggestion]).toEqual([false, 'Did you mean "levels"?']);
  });

  it('that cannot be used is refused with all of its problems', async () => {
    const refused: unknown = await state.plan('wrong.yml').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PlanProblems);
    expect((refused as PlanProblems).problems.length).toBeGreaterThan(0);
    await expect(state.up('wrong.yml')).rejects.toBeInstanceOf(PlanProblems);
    await expect(state.plan('shop.yml', { name: 'No name' })).rejects.toThrow('it is not a name');
    await expect(state.plan('shop.yml', { inputs: ['webs'] })).rejects.toThrow('it is not name=value');
  });

  it('says what up would do, with inputs as values, texts and files', async () => {
    const { plan, forecast } = await state.plan('shop.yml', {
      name: 'other',
      inputs: { webs: 3 },
      inputFiles: ['blue.yml'],
    });
    expect([plan.name, plan.deployment, plan.inputs['color']?.value]).toEqual(['shop', 'other', 'blue']);
    expect(forecast.differences.map(({ machine, action }) => `${action} ${machine}`)).toEqual([
      'launch db-0',
      'launch web-0',
      'launch web-1',
      'launch web-2',
    ]);
    const texts = await state.plan('shop.yml', { inputs: ['webs=1', 'webs=0'] });
    expect(texts.forecast.differences).toHaveLength(1);
  });
});

describe('a deployment', () => {
  it('comes up from a plan that was read, and tells how', async () => {
    const planned = await state.plan('shop.yml');
    const told: OperationEvent[] = [];
    const operation = state.up(planned, {
      onEvent(event, current) {
        expect(current.name).toBe('shop');
        told.push(event);
      },
    });
    const events = await all(operation);
    const { outcome, worked } = await operation;
    expect({ outcome, worked }).toEqual({ outcome: 'succeeded', worked: true });
    expect(events).toEqual(told);
    const facts = events.flatMap((event) => (event.type === 'fact' ? [event.fact.type] : []));
    expect([facts[0], facts.at(-1)]).toEqual(['deployment-created', 'operation-ended']);
    expect(events).toContainEqual({
      type: 'output',
      machine: 'web-0',
      step: 'bootstrap',
      lines: ['web is red'],
    });
    expect(await state.up('shop.yml')).toMatchObject({ outcome: 'succeeded', worked: false });
  });

  it('tells its state, status, outputs, history and logs', async () => {
    const shop = await state.deployment();
    expect(shop.name).toBe('shop');
    expect((await state.deployments()).map(({ name, terminated }) => [name, terminated])).toEqual([
      ['shop', false],
    ]);
    expect((await shop.state()).machines.size).toBe(3);
    const status = await shop.status();
    expect([status.state, status.plan]).toEqual(['ready', join(space.path, 'shop.yml')]);
    expect(await state.statuses()).toEqual([status]);
    expect((await shop.status({ refresh: true, limit: 20_000 })).state).toBe('ready');
    expect(await shop.isBroken()).toBe(false);
    const { attribute, machines } = await shop.outputs({ of: 'db.key' });
    expect([attribute, machines[0]?.values['key'], machines[0]?.values['port']]).toEqual([
      'key',
      '***',
      '7070',
    ]);
    expect((await shop.outputs({ of: 'db', reveal: true })).machines[0]?.values['key']).toBe('sesame-open');
    const events = await all(shop.events());
    expect(events[0]?.fact.type).toBe('deployment-created');
    const last = events.at(-1)?.number ?? 0;
    expect(await all(shop.events({ after: last - 1, follow: true }))).toEqual(events.slice(-1));
    const logs = await all(shop.logs('db-0', { step: 'bootstrap' }));
    expect(Buffer.concat(logs.map(({ bytes }) => bytes)).toString()).toBe('db is up\n');
    expect((await shop.logFiles('db-0', { all: true })).map(({ step }) => step)).toContain('bootstrap');
    await expect(shop.logFiles('db-7')).rejects.toThrow('no such machine');
    expect(await state.lockHolder('shop')).toBeNull();
    expect(await state.unlock('shop')).toBeNull();
    await expect(state.deployment('shopp')).rejects.toBeInstanceOf(UsageError);
  });

  it('lends its running machines, one after another and all at the same time', async () => {
    const shop = await state.deployment('shop');
    const names: string[] = [];
    for await (const machine of shop.machines()) {
      const { exitCode, stdout } = await machine.exec('cat; exit 3', { stdin: machine.name });
      expect(exitCode).toBe(3);
      names.push(stdout.toString());
    }
    expect(names).toEqual(['db-0', 'web-0', 'web-1']);
    const webs = await all(shop.machines(['web-*']));
    const files = webs.map(({ name }) => ({ path: 'tried', mode: 0o600, bytes: Buffer.from(name) }));
    await Promise.all(webs.map((machine, i) => machine.upload(files.slice(i, i + 1))));
    const read = await Promise.all(webs.map((machine) => machine.download('tried')));
    expect(read.map(String)).toEqual(['web-0', 'web-1']);
    const printed: string[] = [];
    await webs[0]?.exec('echo out; echo err >&2', {
      onStdout: (chunk) => printed.push(String(chunk)),
      onStderr: (chunk) => printed.push(String(chunk)),
    });
    expect(printed.sort()).toEqual(['err\n', 'out\n']);
    expect(await all(shop.machines({ labels: ['service=web'], exclude: ['web-1'] }))).toHaveLength(1);
    expect(await all(shop.machines(({ index }) => index === 1))).toHaveLength(1);
    await expect(all(shop.machines('wbe'))).rejects.toBeInstanceOf(UsageError);
    await expect(all(shop.machines([]))).rejects.toBeInstanceOf(UsageError);
  });

  it('forwards a port of a machine', async () => {
    const shop = await state.deployment('shop');
    const [machine] = await all(shop.machines('db-0'));
    const server = createServer((socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, machine?.address ?? '', resolve));
    try {
      const { port } = server.address() as { readonly port: number };
      const stream = await machine?.forward(port);
      let text = '';
      for await (const chunk of stream ?? []) text += String(chunk);
      expect(text).toBe('hello');
      stream?.destroy();
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    await expect(machine?.forward({ port: 1 })).rejects.toBeInstanceOf(OperationError);
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(machine?.exec('true', { signal: stop })).rejects.toThrow('enough');
  });

  it('is verified, and repaired where it is broken', async () => {
    const shop = await state.deployment('shop');
    for await (const machine of shop.machines('web-1')) await machine.exec('touch ~/broken');
    const failed = async (): Promise<readonly string[]> =>
      (await shop.verify()).flatMap(({ machine, failure }) => (failure === null ? [] : [machine]));
    expect(await failed()).toEqual(['web-1']);
    const { state: before, start } = await shop.prepareRepair();
    expect(before.name).toBe('shop');
    expect(await start()).toMatchObject({ outcome: 'succeeded' });
    expect(await failed()).toEqual([]);
    expect(await shop.repair()).toMatchObject({ outcome: 'succeeded' });
    const without = await openState({ cwd: space.path, environment: {} });
    await expect((await without.deployment()).repair()).rejects.toThrow('without input "token"');
  });

  it('has its machines stopped, started, rebooted, replaced and counted anew', async () => {
    const shop = await state.deployment('shop');
    const ends: string[] = [];
    for (const operation of [
      () => shop.stop('web-1', { teardown: true }),
      () => shop.start({ states: ['stopped'] }),
      () => shop.reboot(['web-0'], { serial: true }),
      () => shop.replace('web-*', { maxUnavailable: 1 }),
    ]) {
      const { outcome, machines } = await operation();
      ends.push([outcome, ...machines.map(({ machine, became }) => `${machine} ${became}`)].join(', '));
    }
    expect(ends).toEqual([
      'succeeded, web-1 done',
      'succeeded, web-1 done',
      'succeeded, web-0 done',
      'succeeded, web-0 done, web-1 done',
    ]);
    await expect(shop.stop('wbe')).rejects.toBeInstanceOf(UsageError);
    const more = { service: 'web', count: { kind: 'by', machines: 1 }, remove: [] } as const;
    expect((await shop.scale([more])).state.machines.size).toBe(4);
    const gone = await shop.down({ only: 'web-2' });
    expect([gone.outcome, gone.state.machines.get('web-2')?.stage]).toEqual(['succeeded', 'gone']);
    await expect(shop.down({ only: 'wbe' })).rejects.toBeInstanceOf(UsageError);
  });

  it('asks providers for what nobody accounts for', async () => {
    await using survey = await state.gc({ plans: ['slow.yml'] });
    expect([survey.orphans, survey.problems, survey.removable]).toEqual([[], [], []]);
    expect((await survey.remove([])).size).toBe(0);
    await expect(state.gc({ inputs: { nobody: 1 } })).rejects.toThrow('no plan declares');
  });

  it('is interrupted by whoever disposes of the state, and followed until then', async () => {
    const other = await openState({ cwd: space.path, environment: {}, showOutput: true });
    const operation = other.up('slow.yml');
    const asleep = (async () => {
      for await (const event of operation) if (event.type === 'output') return true;
      return false;
    })();
    expect(await asleep).toBe(true);
    const [warning] = await all(
      (async function* () {
        for await (const event of operation) {
          yield event;
          return;
        }
      })(),
    );
    expect(warning).toMatchObject({ type: 'warning' });
    const slow = await state.deployment('slow');
    const followed = all(slow.logs('sleeper-0', { follow: true }));
    expect(await state.lockHolder('slow')).toMatchObject({ presence: 'alive' });
    await expect(state.unlock('slow')).rejects.toThrow('is at work');
    await expect(slow.down()).rejects.toMatchObject({ name: 'LockedError', exitCode: 3 });
    const stop = new AbortController();
    const events = all((await other.deployment('slow')).events({ follow: true, signal: stop.signal }));
    stop.abort(new Error('seen enough'));
    await expect(events).rejects.toThrow('seen enough');
    await other[Symbol.asyncDispose]();
    expect(await operation).toMatchObject({ outcome: 'interrupted' });
    expect((await followed).map(({ bytes }) => String(bytes)).join('')).toBe('asleep\n');
    expect(await slow.down()).toMatchObject({ outcome: 'succeeded' });
  });

  it('goes down, and is forgotten where that is asked for', async () => {
    const shop = await state.deployment('shop');
    const { state: before, start } = await shop.prepareDown({ purge: true });
    expect(before.machines.size).toBe(4);
    expect(await start()).toMatchObject({ outcome: 'succeeded', worked: true });
    expect((await state.deployments()).map(({ name }) => name)).toEqual(['slow']);
    await expect(shop.status()).rejects.toBeInstanceOf(UsageError);
    await expect(shop.down()).rejects.toBeInstanceOf(UsageError);
    expect(await all((await state.deployment('slow')).machines())).toEqual([]);
  });
});
