import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Longest path of a socket in bytes; macOS takes fewer than Linux. */
const LONGEST = 103;

/** Where the keeper of a state directory listens. */
export interface KeeperPlace {
  /** Belongs to nobody but the user, who is the only one that may enter it. */
  readonly directory: string;
  readonly socket: string;
}

/** Beside the state, or, where that path is too long for a socket, in a directory of the user's for temporary files. */
export function keeperPlace(stateDirectory: string): KeeperPlace {
  const near = placeIn(join(stateDirectory, 'keeper'));
  if (Buffer.byteLength(near.socket) <= LONGEST) return near;
  const hash = createHash('sha256').update(stateDirectory).digest('hex').slice(0, 16);
  return placeIn(join(tmpdir(), `plan-keeper-${userInfo().uid}-${hash}`));
}

/** A name for a socket that is not to be found yet; as long as that of the other one. */
export function draftOf({ directory }: KeeperPlace, pid: number): string {
  return join(directory, pid.toString(36));
}

/** Makes the directory, if it is not there. Throws an `Error` where others could be in it. */
export function preparePlace({ directory }: KeeperPlace): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const problem = placeProblem(directory);
  if (problem !== undefined) throw new Error(problem);
}

/** Why a directory cannot be trusted; undefined: it can, or is not there. */
export function placeProblem(directory: string): string | undefined {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (!found.isDirectory()) return `"${directory}" is no directory`;
  const uid = process.getuid?.();
  if (uid !== undefined && found.uid !== uid) return `"${directory}" belongs to somebody else`;
  if ((found.mode & 0o077) !== 0) return `others may enter "${directory}"`;
  return undefined;
}

function placeIn(directory: string): KeeperPlace {
  return { directory, socket: join(directory, 'socket') };
}
