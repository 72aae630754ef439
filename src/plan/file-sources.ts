import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SourceEntry, Sources } from '../sources.ts';

/** Sources on the real file system. Special files (sockets, devices), and links that lead back up, are not there. */
export function fileSources(): Sources {
  return {
    read(path) {
      try {
        return readEntry(path);
      } catch (error) {
        if (error instanceof Error && 'code' in error) return undefined;
        throw error;
      }
    },
  };
}

function readEntry(path: string): SourceEntry | undefined {
  const stats = statSync(path);
  if (stats.isFile()) return { kind: 'file', mode: stats.mode & 0o7777, bytes: readFileSync(path) };
  if (!stats.isDirectory() || leadsBackUp(path)) return undefined;
  return { kind: 'directory', names: readdirSync(path).sort() };
}

/** True when the directory is one of those that its own path goes through: following it would never end. */
function leadsBackUp(path: string): boolean {
  const real = realpathSync(path);
  if (real === path) return false;
  for (let above = dirname(path); above !== dirname(above); above = dirname(above))
    if (realpathSync(above) === real) return true;
  return false;
}
