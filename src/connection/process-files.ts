import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ConnectionError } from './connection.ts';
import type { RemoteFile } from './connection.ts';

/** What paths are relative to. */
export interface ProcessRoots {
  readonly directory: string;
  /** What a leading `~/` stands for. */
  readonly home: string;
}

/** Writes files as `Connection.upload` promises, without a shell. */
export async function writeFiles(
  files: readonly RemoteFile[],
  roots: ProcessRoots,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  for (const file of files) {
    signal.throwIfAborted();
    try {
      await writeOne(placeOf(file.path, roots), file, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw fileError('upload', file.path, error);
    }
  }
}

export async function readOne(
  path: string,
  roots: ProcessRoots,
  { signal }: { readonly signal: AbortSignal },
): Promise<Buffer> {
  signal.throwIfAborted();
  try {
    return await readFile(placeOf(path, roots), { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw fileError('download', path, error);
  }
}

async function writeOne(path: string, { mode, bytes }: RemoteFile, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (await isDirectory(path)) throw new Error('it is a directory');
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(bytes, { signal });
      await file.chmod(mode & 0o7777);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

function placeOf(path: string, { directory, home }: ProcessRoots): string {
  return path.startsWith('~/') ? join(home, path.slice(2)) : resolve(directory, path);
}

function fileError(verb: 'upload' | 'download', path: string, error: unknown): ConnectionError {
  const why = error instanceof Error ? error.message : String(error);
  return new ConnectionError('failed', `Cannot ${verb} "${path}": ${why}`, { cause: error });
}
