import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Observation, Provider } from '../../../src/providers/provider.ts';
import { createOperatorProvider } from '../../../src/providers/operator/operator.ts';
import { processesIn } from '../../../src/providers/operator/processes.ts';
import { isGone } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import { TAGS, batchOf } from './batch.ts';

const cancel = { signal: new AbortController().signal };

let stateDirectory: string;
let provider: Provider;
beforeEach(async () => {
  stateDirectory = await mkdtemp(join(tmpdir(), 'plan operator-'));
  provider = createOperatorProvider({ stateDirectory, clock: { now: () => 1_000 } });
});
afterEach(() => rm(stateDirectory, { recursive: true }));

async function launch(token: string): Promise<Observation> {
  const answer = await provider.launch(batchOf(token), cancel);
  const [id] = answer.kind === 'launched' ? answer.ids : [];
  const observation = (await provider.describe([id ?? ''], cancel)).get(id ?? '');
  if (observation === undefined) throw new Error('Cannot find what was launched');
  return observation;
}
function directoryOf({ access }: Observation): string {
  if (access?.kind !== 'process') throw new Error('Cannot find the directory');
  return access.directory;
}

/** Starts something that stays, as a script would. */
function startIn(machine: Observation, text: string): number {
  return start(text, { PLAN_ATTRIBUTES: `${directoryOf(machine)}/.launch-plan/d/attributes.json` });
}
function start(text: string, environment: Readonly<Record<string, string>>): number {
  const child = spawn('/bin/sh', ['-c', text], {
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], ...environment },
  });
  child.unref();
  return child.pid ?? 0;
}

describe('launch()', () => {
  it('makes a work directory for the owner alone, beside which nothing is left', async () => {
    const machine = await launch('one');
    const directory = directoryOf(machine);
    expect(machine).toEqual({
      id: machine.id,
      state: 'running',
      reason: null,
      addresses: { hostname: '127.0.0.1', address: '127.0.0.1', privateIp: '127.0.0.1', publicIp: null },
      access: { kind: 'process', directory: join(stateDirectory, 'operator', machine.id) },
      batch: { token: 'one', index: 0 },
    });
    for (const path of [directory, join(stateDirectory, 'operator')])
      expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(stateDirectory, 'operator'))).toEqual([machine.id]);
  });

  it('repeated leaves what is in the directory alone', async () => {
    const directory = directoryOf(await launch('one'));
    await writeFile(join(directory, 'mine'), 'x');
    await launch('one');
    expect(await readFile(join(directory, 'mine'), 'utf8')).toBe('x');
  });

  it('refuses what check() refuses', async () => {
    const batch = batchOf('one', 1, TAGS, { image: 'debian' });
    expect(await provider.launch(batch, cancel)).toEqual({
      kind: 'refused',
      message: 'Cannot use image "debian": the operator\'s computer takes none',
      retryAfter: null,
    });
  });

  it('says where it cannot write', async () => {
    await writeFile(join(stateDirectory, 'operator'), 'no directory');
    await expect(provider.launch(batchOf('one'), cancel)).rejects.toMatchObject({
      name: 'ProviderError',
      message: /^Cannot make ".*operator-.*": .*EEXIST/,
    });
  });
});

it('check() names images, options and counts above one', async () => {
  const { request } = batchOf('check', 1, TAGS, { image: 'x', options: { cpus: 2, memory: '1g' } });
  const problems = await provider.check([{ request, min: 1, max: 3 }], cancel);
  expect(problems.map(({ message }) => message)).toEqual([
    'Cannot use image "x": the operator\'s computer takes none',
    'Cannot use "cpus", "memory": the operator\'s computer takes no options',
    'Cannot run "smoke" 3 times: there is one operator\'s computer',
  ]);
});

it('stop(), start() and reboot() say why they cannot', async () => {
  const { id } = await launch('one');
  const answer = { kind: 'cannot', why: 'it is the computer that plan runs on' };
  for (const verb of ['stop', 'start', 'reboot'] as const)
    expect((await provider[verb]([id], cancel)).get(id)).toEqual(answer);
});

it('label() is recorded, and cannot be for what is not there', async () => {
  const machine = await launch('one');
  const change = { set: { tier: 'smoke', team: 'web' }, remove: [] };
  const answers = await provider.label(
    new Map(Object.entries({ [machine.id]: change, none: change })),
    cancel,
  );
  expect([...answers.values()]).toEqual([
    { kind: 'accepted' },
    { kind: 'cannot', why: 'there is no such machine' },
  ]);
  await provider.label(new Map([[machine.id, { set: {}, remove: ['tier'] }]]), cancel);
  const record: unknown = JSON.parse(await readFile(join(directoryOf(machine), '.machine.json'), 'utf8'));
  expect(record).toMatchObject({ service: 'smoke', labels: { team: 'web' } });
});

it('holdings() tells every directory, and remove() removes them', async () => {
  const { id } = await launch('one');
  const holdings = await provider.holdings(cancel);
  expect(holdings).toEqual([
    { kind: 'machine', id, name: 'smoke-0', tags: TAGS, token: 'one', since: 1_000 },
  ]);
  expect(await provider.remove(holdings, cancel)).toEqual(new Map([[id, { kind: 'accepted' }]]));
  expect(await provider.holdings(cancel)).toEqual([]);
});

it('describe() no longer knows a directory that somebody removed', async () => {
  const machine = await launch('one');
  await rm(directoryOf(machine), { recursive: true });
  expect((await provider.describe([machine.id], cancel)).get(machine.id)).toMatchObject({ state: 'unknown' });
});

it.each(['../keys', '', 'operator-..'])('never looks outside its directories: %j', async (id) => {
  await mkdir(join(stateDirectory, 'keys'));
  expect((await provider.describe([id], cancel)).get(id)?.state).toBe('unknown');
  expect((await provider.terminate([id], cancel)).get(id)).toEqual({ kind: 'accepted' });
  expect(existsSync(join(stateDirectory, 'keys'))).toBe(true);
});

describe('terminate()', () => {
  it('ends what scripts left running in the directory, daemons too, and nothing else', async () => {
    const [mine, other] = [await launch('mine'), await launch('other')];
    const script = startIn(mine, 'trap "" TERM; (setsid sleep 60 &); sleep 60; :');
    const supervisor = start('sleep 60; :', { PLAN_HOME: directoryOf(mine) });
    const bystander = startIn(other, 'exec sleep 60');
    await until(() => processesIn(directoryOf(mine)).length === 5);
    const all = processesIn(directoryOf(mine));
    expect(all).toEqual(expect.arrayContaining([script, supervisor]));
    await provider.terminate([mine.id], cancel);
    expect(existsSync(directoryOf(mine))).toBe(false);
    expect(all.filter((pid) => !isGone(pid))).toEqual([]);
    expect(isGone(bystander)).toBe(false);
    await provider.terminate([other.id], cancel);
    expect(isGone(bystander)).toBe(true);
  });

  it('ends what runs in a directory that somebody removed', async () => {
    const machine = await launch('one');
    const pid = startIn(machine, 'exec sleep 60');
    await until(() => processesIn(directoryOf(machine)).length === 1);
    await rm(directoryOf(machine), { recursive: true });
    await provider.terminate([machine.id], cancel);
    expect(isGone(pid)).toBe(true);
  });
});

describe('release()', () => {
  it('waits until nothing of the deployment is left, then leaves nothing', async () => {
    const { id } = await launch('one');
    const released = provider.release(TAGS, cancel).then(() => 'released');
    expect(await Promise.race([released, provider.list(TAGS, cancel)])).toHaveLength(1);
    await provider.terminate([id], cancel);
    await released;
    expect(readdirSync(stateDirectory)).toEqual([]);
  });

  it('removes what a launch that was cut off left behind, but not at once', async () => {
    await launch('other');
    const fresh = join(stateDirectory, 'operator', '.new-0123');
    await mkdir(fresh);
    const tags = { ...TAGS, uuid: 'another' };
    await provider.release(tags, cancel);
    expect(existsSync(fresh)).toBe(true);
    utimesSync(fresh, 0, 0);
    await provider.release(tags, cancel);
    expect(existsSync(fresh)).toBe(false);
  });
});
