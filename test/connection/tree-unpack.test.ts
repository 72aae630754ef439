import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeHeader, decodeHeader } from '../../src/connection/tree-header.ts';
import type { TreeHeader } from '../../src/connection/tree-header.ts';
import { unpackTree } from '../../src/connection/tree-unpack.ts';

const TOP: TreeHeader = { type: '5', name: './', target: '', mode: 0o755, size: 0, modified: 1 };

describe('unpackTree()', () => {
  let here: string;

  beforeEach(async () => {
    here = await mkdtemp(join(tmpdir(), 'plan-unpack-'));
  });
  afterEach(async () => {
    await rm(here, { recursive: true });
  });

  async function unpack(archive: Buffer, kind: 'file' | 'directory' = 'directory'): Promise<void> {
    await unpackTree(Readable.from([archive]), { kind, format: 'tar', top: join(here, 'top'), path: 'top' });
  }
  function archive(...headers: readonly Partial<TreeHeader>[]): Buffer {
    return Buffer.concat([...headers.map((one) => encodeHeader({ ...TOP, ...one })), Buffer.alloc(1_024)]);
  }

  it('reads what tars write: long names of every format, and files with two names', async () => {
    const name = `${'n'.repeat(120)}é`;
    for (const format of ['gnu', 'posix', 'ustar']) {
      const from = join(here, format);
      await mkdir(join(from, 'd'.repeat(90)), { recursive: true });
      const long = join('d'.repeat(90), format === 'ustar' ? 'n'.repeat(90) : name);
      await writeFile(join(from, long), format);
      await link(join(from, long), join(from, 'second'));
      const bytes = execFileSync('tar', [`--format=${format}`, '-cf', '-', '-C', from, '.']);
      await unpack(bytes);
      expect(await readFile(join(here, 'top', long), 'utf8')).toBe(format);
      expect((await stat(join(here, 'top', 'second'))).nlink).toBe(2);
      await rm(join(here, 'top'), { recursive: true });
    }
  });

  it('writes nothing outside, whatever a machine sends', async () => {
    const wrong: [Buffer, RegExp][] = [
      [archive({}, { type: '0', name: '../out' }), /leads out/],
      [archive({}, { type: '0', name: '/out' }), /leads out/],
      [archive({}, { type: '2', name: 'l', target: here }, { type: '0', name: 'l/out' }), /was not sent/],
      [archive({}, { type: '2', name: 'l', target: here }, { type: '5', name: 'l/' }), /EEXIST/],
      [archive({}, { type: '1', name: 'out', target: '../top' }), /leads out/],
      [archive({}, { type: '1', name: 'out', target: 'none' }), /was not sent/],
      [archive({}, { type: '6', name: 'pipe' }), /special file/],
      [archive({}, { type: 'L', name: 'x', size: 2_000_000 }), /too long/],
      [archive(), /sent nothing/],
      [encodeHeader(TOP), /cut off/],
      [Buffer.alloc(512, 'x'), /no archive/],
    ];
    for (const [bytes, message] of wrong) {
      await expect(unpack(bytes)).rejects.toThrow(message);
      expect((await readdir(here)).filter((name) => name !== 'top')).toEqual([]);
      await rm(join(here, 'top'), { recursive: true, force: true });
    }
    await expect(unpack(archive({}), 'file')).rejects.toThrow(/not one file/);
  });
});

describe('a header', () => {
  it('tells of files of any size', () => {
    for (const size of [0, 8 ** 11 - 1, 8 ** 11, 2 ** 45])
      expect(decodeHeader(encodeHeader({ ...TOP, type: '0', size }))?.size).toBe(size);
  });
});
