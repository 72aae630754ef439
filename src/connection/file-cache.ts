import { readFile } from 'node:fs/promises';

/** Files that many connections need, each read and parsed once. */
export interface FileCache<T> {
  /** Rejects with what reading or parsing threw; such a file is read again the next time. */
  read(path: string): Promise<T>;
  /** Has the file read again the next time, because what it held was of no use. */
  forget(path: string): void;
  /** Has all files read again. */
  clear(): void;
}

export function createFileCache<T>(parse: (bytes: Buffer, path: string) => T | Promise<T>): FileCache<T> {
  const known = new Map<string, Promise<T>>();

  async function load(path: string): Promise<T> {
    return await parse(await readFile(path), path);
  }

  return {
    read(path) {
      const current = known.get(path);
      if (current !== undefined) return current;
      const reading = load(path);
      known.set(path, reading);
      reading.catch(() => known.delete(path));
      return reading;
    },
    forget(path) {
      known.delete(path);
    },
    clear: () => known.clear(),
  };
}
