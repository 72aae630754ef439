import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { candidate, tryListen } from '../../../src/providers/local/address.ts';
import { createLineReader } from '../../../src/providers/local/control.ts';
import { takeHosting } from '../../../src/providers/local/hosting-lock.ts';
import type { Hosting } from '../../../src/providers/local/hosting-lock.ts';
import { readOptions } from '../../../src/providers/local/options.ts';
import { createReaper } from '../../../src/providers/local/reaper.ts';
import { newRecord } from '../../../src/providers/local/record.ts';
import type { MachineRecord } from '../../../src/providers/local/record.ts';
import type { Owner } from '../../../src/providers/local/processes.ts';
import { launchRequest } from '../../support/launch-request.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plan parts-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const request = launchRequest();

function record(name: string): MachineRecord {
  const machine = { name, generation: 1, index: 0, token: 't', request, environment: {}, bootsAt: 0 };
  return newRecord(machine, { space: { kind: 'ports' }, marking: undefined });
}

describe('takeHosting()', () => {
  function take(): Hosting {
    const hosting = takeHosting(join(directory, 'machines'));
    if (hosting === undefined) throw new Error('Cannot take the hosting: another has it');
    return hosting;
  }

  it('gives it to one at a time', () => {
    const first = take();
    expect(takeHosting(join(directory, 'machines'))).toBeUndefined();
    first.release({ erase: false });
    take().release({ erase: true });
  });

  it('keeps what is recorded for the next host', () => {
    const [one, other] = [record('web-0'), record('web-1')];
    const first = take();
    first.addBatch('token', [one, other]);
    first.update([{ ...one, wanted: 'off' }]);
    first.remove([other.id]);
    first.release({ erase: false });
    const second = take();
    expect(second.machines).toEqual([{ ...one, wanted: 'off' }]);
    expect(second.batch('token')).toEqual([one.id, other.id]);
    expect(second.batch('another')).toBeUndefined();
    second.release({ erase: true });
  });

  it('records a batch whole or not at all', () => {
    const hosting = take();
    hosting.addBatch('token', [record('web-0')]);
    expect(() => hosting.addBatch('token', [record('web-1')])).toThrow('UNIQUE');
    hosting.release({ erase: false });
    const again = take();
    expect(again.machines.map(({ name }) => name)).toEqual(['web-0']);
    again.release({ erase: true });
  });

  it('erases every trace, and nothing that is not its own', () => {
    take().release({ erase: true });
    expect(readdirSync(directory)).toEqual([]);
    const hosting = take();
    writeFileSync(join(directory, 'machines', 'mine'), '');
    hosting.release({ erase: true });
    expect(readdirSync(join(directory, 'machines'))).toEqual(['mine']);
  });

  it('says what is wrong with a directory that cannot be used', () => {
    mkdirSync(join(directory, 'machines', 'host.lock'), { recursive: true });
    expect(() => takeHosting(join(directory, 'machines'))).toThrow('EISDIR');
  });
});

describe('where there is only 127.0.0.1', () => {
  it('a machine has a port of its own, below those of outgoing connections', () => {
    for (let tries = 0; tries < 100; tries++) {
      const { address, port } = candidate({ kind: 'ports' });
      expect(address).toBe('127.0.0.1');
      expect(port).toBeGreaterThanOrEqual(15_000);
      expect(port).toBeLessThan(32_000);
    }
  });
});

describe('tryListen()', () => {
  it('answers why it cannot', async () => {
    const first = await tryListen(createServer(), '127.9.9.9', 0);
    if (typeof first === 'string') throw new Error(first);
    const { port } = first.address() as { readonly port: number };
    expect(await tryListen(createServer(), '127.9.9.9', port)).toBe('EADDRINUSE');
    expect(await tryListen(createServer(), '192.0.2.1', 0)).toBe('EADDRNOTAVAIL');
    first.close();
  });
});

describe('readOptions()', () => {
  it.each([
    [undefined, 0],
    ['3s', 3_000],
    ['500ms', 500],
    [250, 250],
  ])('reads bootDelay %j', (bootDelay, expected) => {
    const options = bootDelay === undefined ? {} : { bootDelay };
    expect(readOptions({ ...request, options })).toEqual({
      kind: 'options',
      options: { bootDelay: expected },
    });
  });

  it.each([['soon'], [-1], [true], [['3s']]])('refuses bootDelay %j', (bootDelay) => {
    expect(readOptions({ ...request, options: { bootDelay } })).toMatchObject({
      kind: 'problem',
      message: `Cannot use bootDelay ${JSON.stringify(bootDelay)}: it is not a duration`,
    });
  });

  it.each([
    ['images/web', '/images/web'],
    ['/nowhere', '/nowhere'],
    ['/etc/passwd', '/etc/passwd'],
  ])('refuses the image "%s", which is no directory', (image, path) => {
    expect(readOptions({ ...request, image })).toMatchObject({
      kind: 'problem',
      message: `Cannot start machines from image "${path}": it is not a directory`,
    });
  });
});

describe('createLineReader()', () => {
  it('finds the same lines however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' })),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (texts, sizes) => {
          const lines = texts.map((text) => text.replaceAll('\n', ' '));
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const found: string[] = [];
          const read = createLineReader((line) => found.push(line));
          for (let at = 0, cut = 0; at < bytes.length; cut++) {
            const size = sizes[cut % sizes.length] ?? 1;
            read(bytes.subarray(at, at + size));
            at += size;
          }
          expect(found).toEqual(lines);
        },
      ),
    );
  });
});

describe('createReaper()', () => {
  const owner: Owner = { marker: 1, home: '/nowhere', sessions: () => [] };

  it('looks until it found nothing twice in a row', async () => {
    const gone = { pid: 2 ** 30, group: 2 ** 30 };
    const looks = [[gone], [], [gone], [], []];
    let scans = 0;
    const reaper = createReaper((owners) =>
      Promise.resolve(new Map(owners.map((one) => [one, looks[scans++] ?? []]))),
    );
    await reaper.end(owner, () => undefined);
    expect(scans).toBe(5);
  });

  it('shares one look between machines that end at a time', async () => {
    const sizes: number[] = [];
    const reaper = createReaper((owners) => {
      sizes.push(owners.length);
      return Promise.resolve(new Map());
    });
    await Promise.all(Array.from({ length: 50 }, () => reaper.end({ ...owner }, () => undefined)));
    expect(sizes).toEqual([50, 50]);
  });

  it('rejects when it cannot look, and looks again when asked again', async () => {
    let broken = true;
    const reaper = createReaper(() =>
      broken ? Promise.reject(new Error('no ps')) : Promise.resolve(new Map()),
    );
    await expect(reaper.end(owner, () => undefined)).rejects.toThrow('no ps');
    broken = false;
    await expect(reaper.end(owner, () => undefined)).resolves.toBeUndefined();
  });
});
