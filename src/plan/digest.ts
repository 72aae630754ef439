import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import type { SourceEntry } from '../sources.ts';

/** SHA-256 (hex) over paths relative to `directory`, contents, and whether files are executable. */
export function digestSources(sources: ReadonlyMap<string, SourceEntry>, directory: string): string {
  const hash = createHash('sha256');
  const entries = [...sources].map(([path, entry]) => ({ path: relative(directory, path), entry }));
  for (const { path, entry } of entries.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const content = entry.kind === 'file' ? entry.bytes : Buffer.from(entry.names.join('\0'));
    const executable = entry.kind === 'file' && (entry.mode & 0o111) !== 0;
    hash.update(JSON.stringify([path, entry.kind, executable, content.length]));
    hash.update(content);
  }
  return hash.digest('hex');
}
