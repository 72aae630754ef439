import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { limitIn, markerFor, markersOf, slotOf } from '../../../src/providers/local/marker.ts';
import { ownLimit, scanTree } from '../../../src/providers/local/processes.ts';
import type { Owner } from '../../../src/providers/local/processes.ts';
import { isGone } from '../../support/processes.ts';
import { until } from '../../support/until.ts';

const slots = fc.integer({ min: 0, max: 2 ** 24 - 2 });
const randoms = fc.integer({ min: 0, max: 2 ** 16 });

describe('markers', () => {
  it('of two machines differ whenever their slots do', () => {
    fc.assert(
      fc.property(slots, slots, randoms, randoms, (one, other, first, second) => {
        fc.pre(one !== other);
        expect(markerFor(one, first, null)).not.toBe(markerFor(other, second, null));
      }),
    );
  });

  it('of a machine inside a machine belong to both, and are lower, as a limit may only be lowered', () => {
    fc.assert(
      fc.property(slots, slots, randoms, (outer, inner, random) => {
        const outermost = markerFor(outer, random, null) ?? 0;
        const nested = markerFor(inner, random, outermost) ?? 0;
        expect(nested).toBeLessThan(outermost);
        expect(markersOf(nested)).toEqual([nested, outermost]);
        expect(markersOf(outermost)).toEqual([outermost]);
        expect(markerFor(inner, random, nested)).toBeNull();
      }),
    );
  });

  it('stay exact as KiB in a number and as bytes in a limit', () => {
    fc.assert(
      fc.property(slots, randoms, (slot, random) => {
        const marker = markerFor(slot, random, null) ?? 0;
        expect(Number.isSafeInteger(marker)).toBe(true);
        const bytes = BigInt(marker) * 1024n;
        expect(bytes < 2n ** 63n).toBe(true);
        expect(
          limitIn(`Max stack size  1 1 bytes\nMax resident set          ${bytes}  ${bytes}  bytes \n`),
        ).toBe(marker);
      }),
    );
  });

  it.each(['dash', 'bash', 'sh'])('stick to what %s starts', (shell) => {
    const marker = markerFor(7_654_321, 9, ownLimit());
    const limits = execFileSync(
      shell,
      ['-c', `ulimit -m ${marker ?? ''}\nsh -c 'env -i cat /proc/self/limits'`],
      {
        encoding: 'utf8',
      },
    );
    expect(limitIn(limits)).toBe(marker);
  });

  it('are no limits that someone else set, and cannot be given under one', () => {
    expect(limitIn('Max resident set          unlimited            unlimited            bytes')).toBeNull();
    expect(limitIn('')).toBeNull();
    expect(markersOf(8_000_000)).toEqual([]);
    expect(markerFor(1, 1, 8_000_000)).toBeNull();
  });
});

describe('slotOf()', () => {
  it('tells machines apart by address, or by port where all share 127.0.0.1', () => {
    expect(slotOf('127.1.2.3', 2222, 9)).toBe(0x01_02_03);
    expect(slotOf('127.253.255.254', 2222, 9)).toBe(0xfd_ff_fe);
    expect(slotOf('127.0.0.1', 20_000, 255)).toBe(20_000 * 256);
    expect(slotOf('127.0.0.1', 20_000, 7)).toBe(20_000 * 256 + 7);
  });
});

describe('scanTree(), for systems without /proc', () => {
  it('finds descendants of sessions, and daemons by the home in their environment', async () => {
    const home = `/tmp/plan home ${process.pid}`;
    const script = 'sh -c "sleep 300 & wait" & setsid sleep 300 & sleep 300';
    const child = spawn('sh', ['-c', script], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, HOME: home },
    });
    const stranger = spawn('sleep', ['300'], { stdio: 'ignore', env: { ...process.env, HOME: `${home}2` } });
    const owner: Owner = { marker: null, home, sessions: () => [child.pid ?? 0] };
    const orphan: Owner = { marker: null, home, sessions: () => [] };
    const pids = async (one: Owner): Promise<readonly number[]> =>
      ((await scanTree([one])).get(one) ?? []).map(({ pid }) => pid);
    await until(async () => (await pids(owner)).length === 5);
    const found = await pids(owner);
    expect(found).toContain(child.pid);
    expect(found).not.toContain(stranger.pid);
    expect(found).not.toContain(process.pid);
    expect((await pids(orphan)).toSorted()).toEqual(found.toSorted());
    for (const pid of [...found, stranger.pid ?? 0]) process.kill(pid, 'SIGKILL');
    await until(() => found.every(isGone));
    expect(await pids(owner)).toEqual([]);
    expect(readFileSync('/proc/self/limits', 'utf8')).toContain('Max resident set');
  });
});
