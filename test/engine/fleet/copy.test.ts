import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { copyFrom, copyTo } from '../../../src/engine/fleet/copy.ts';
import { openLocalFleet } from './local-fleet.ts';
import type { LocalFleet } from './local-fleet.ts';

const options = { clock: systemClock, signal: new AbortController().signal, parallelism: 10 };

describe('copying', () => {
  let local: LocalFleet;
  let here: string;

  beforeAll(async () => {
    local = await openLocalFleet({ count: 3, inProcess: false });
    here = await mkdtemp(join(tmpdir(), 'plan-copy-'));
  });
  afterAll(async () => {
    await rm(here, { recursive: true });
    await local[Symbol.asyncDispose]();
  });

  it('to machines and back appends their names', async () => {
    await writeFile(join(here, 'a'), 'a');
    await mkdir(join(here, 'd'));
    await writeFile(join(here, 'd', 'b'), 'bb');
    const seen: string[] = [];
    const sent = await copyTo(
      local.fleet,
      local.machines,
      { from: [join(here, 'a'), join(here, 'd')], to: '~', user: null },
      { ...options, onBytes: (machine, count) => void seen.push(`${machine} ${count}`) },
    );
    expect(sent.map(({ outcome }) => outcome)).toEqual(
      Array(3).fill({ kind: 'ended', value: { bytes: 3, paths: ['~'] } }),
    );
    expect(seen).toHaveLength(6);
    for (const machine of local.machines) await writeFile(join(local.home(machine), 'a'), machine.name);
    await mkdir(join(here, 'to'));
    const got = await copyFrom(
      local.fleet,
      local.machines,
      { from: ['a', '~/d', 'd/.'], to: join(here, 'to'), user: null },
      options,
    );
    expect(got.every(({ outcome }) => outcome.kind === 'ended')).toBe(true);
    expect((await readdir(join(here, 'to'))).toSorted()).toEqual(
      [0, 1, 2].flatMap((i) => [`a.web-${i}`, `d.web-${i}`, `web-${i}`]).toSorted(),
    );
    expect(await readFile(join(here, 'to', 'a.web-1'), 'utf8')).toBe('web-1');
    const renamed = await copyFrom(
      local.fleet,
      local.machines.slice(0, 2),
      { from: ['a'], to: join(here, 'r'), user: null },
      options,
    );
    expect(renamed.map(({ outcome }) => 'value' in outcome && outcome.value.paths)).toEqual([
      [join(here, 'r.web-0')],
      [join(here, 'r.web-1')],
    ]);
    const alone = { from: ['a'], to: join(here, 'to'), user: null };
    await copyFrom(local.fleet, local.machines.slice(0, 1), alone, options);
    expect(await readFile(join(here, 'to', 'a'), 'utf8')).toBe('web-0');
  });

  it('is refused before any machine is reached where it cannot be done', async () => {
    const to = join(here, 'none/');
    await expect(
      copyFrom(local.fleet, local.machines, { from: ['a'], to, user: null }, options),
    ).rejects.toThrow(/^Cannot copy to ".*none\/": there is no such directory$/);
    const none = { from: [join(here, 'none')], to: '~', user: null };
    await expect(copyTo(local.fleet, local.machines, none, options)).rejects.toThrow(/there is no such file/);
    const missing = await copyFrom(
      local.fleet,
      local.machines,
      { from: ['x'], to: here, user: null },
      options,
    );
    expect(missing.map(({ outcome }) => outcome.kind)).toEqual(['failed', 'failed', 'failed']);
  });
});
