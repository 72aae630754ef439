import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';

/** Bytes that a Debian takes while it is made, and some more. */
const ENOUGH = 2 ** 30;

/** Where a Debian is made: its files are many and small, so that memory is several times faster than a disk. */
export async function spaciousMemory(): Promise<string> {
  const memory = '/dev/shm';
  const free = await statfs(memory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return free < ENOUGH ? tmpdir() : memory;
}
