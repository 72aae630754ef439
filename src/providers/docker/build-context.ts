import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** What an image is built from. */
export interface BuildContext {
  readonly path: string;
  /** The names in the directory. */
  readonly entries: readonly string[];
  /** Of all names, modes and bytes. */
  readonly digest: string;
}

/** Reads a directory, without what version control keeps there. Rejects as the file system does. */
export async function readBuildContext(path: string): Promise<BuildContext> {
  const hash = createHash('sha256');
  async function add(place: string): Promise<void> {
    const at = join(path, place);
    const found = await lstat(at);
    hash.update(JSON.stringify([place, found.mode]));
    if (found.isSymbolicLink()) hash.update(await readlink(at));
    else if (found.isFile())
      hash.update(
        createHash('sha256')
          .update(await readFile(at))
          .digest(),
      );
    else if (found.isDirectory())
      for (const name of (await readdir(at)).toSorted()) await add(join(place, name));
  }
  const entries = (await readdir(path)).filter((name) => name !== '.git').toSorted();
  for (const name of entries) await add(name);
  return { path, entries, digest: hash.digest('hex') };
}
