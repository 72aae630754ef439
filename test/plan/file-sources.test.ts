import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileSources } from '../../src/plan/file-sources.ts';
import { readTree } from '../../src/plan/source-tree.ts';

let root = '';
const sources = fileSources();

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'plan-sources-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
}

describe('fileSources()', () => {
  it('reads files with their modes and directories with sorted names', () => {
    write('b/run', '#!/bin/sh\n', 0o750);
    write('a', 'text', 0o600);
    expect(sources.read(join(root, 'a'))).toEqual({ kind: 'file', mode: 0o600, bytes: Buffer.from('text') });
    expect(sources.read(join(root, 'b/run'))).toMatchObject({ mode: 0o750 });
    expect(sources.read(root)).toEqual({ kind: 'directory', names: ['a', 'b'] });
  });

  it('has nothing where nothing can be read', () => {
    symlinkSync('nowhere', join(root, 'dangling'));
    symlinkSync('self', join(root, 'self'));
    expect(sources.read(join(root, 'none'))).toBeUndefined();
    expect(sources.read(join(root, 'dangling'))).toBeUndefined();
    expect(sources.read(join(root, 'self'))).toBeUndefined();
    expect(sources.read('/dev/null')).toBeUndefined();
    expect(sources.read('with\0nul')).toBeUndefined();
  });

  it('follows links, but not those that lead back up', () => {
    write('real/file', 'x');
    symlinkSync('real', join(root, 'linked'));
    symlinkSync('..', join(root, 'real/up'));
    expect(sources.read(join(root, 'linked/file'))).toMatchObject({ kind: 'file' });
    expect(sources.read(join(root, 'linked'))).toMatchObject({ kind: 'directory' });
    expect(sources.read(join(root, 'real/up'))).toBeUndefined();
    expect(readTree(sources, root)).toMatchObject({ kind: 'unreadable' });
  });
});

describe('readTree()', () => {
  it('lists all files below a directory, sorted by path', () => {
    write('t/z', '1');
    write('t/a/b', '2', 0o755);
    mkdirSync(join(root, 't/empty'));
    expect(readTree(sources, join(root, 't'))).toMatchObject({
      kind: 'tree',
      files: [
        { path: 'a/b', mode: 0o755 },
        { path: 'z', mode: 0o644 },
      ],
    });
  });

  it('names what cannot be read', () => {
    write('t/a', '1');
    symlinkSync('nowhere', join(root, 't/broken'));
    expect(readTree(sources, join(root, 't'))).toEqual({ kind: 'unreadable', path: 'broken' });
    expect(readTree(sources, join(root, 'none'))).toEqual({ kind: 'unreadable', path: '' });
  });

  it('refuses more files than anybody copies on purpose', () => {
    const names = Array.from({ length: 10_001 }, (_, i) => `f${i}`);
    const large = {
      read: (path: string) => (path === '/x' ? { kind: 'directory' as const, names } : undefined),
    };
    expect(readTree(large, '/x')).toEqual({ kind: 'too-large' });
  });
});
