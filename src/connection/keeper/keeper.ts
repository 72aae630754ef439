import { once } from 'node:events';
import { chmodSync, linkSync, renameSync, rmSync, rmdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { createOpener } from '../open.ts';
import { hail } from './hail.ts';
import { createKeeping } from './keeping.ts';
import { draftOf, preparePlace } from './place.ts';
import type { KeeperPlace } from './place.ts';
import { serveClient } from './serve-client.ts';

/** Keeps connections between commands. */
export interface Keeper {
  /** Resolves when no connection is left and nobody is there; connections are closed then. */
  readonly ended: Promise<void>;
  /** Gives its place up at once. */
  leave(): void;
}

export interface KeeperOptions {
  readonly place: KeeperPlace;
  readonly identity: string;
  /** Milliseconds for which it waits for the first connection that it is to keep. */
  readonly patience?: number;
}

const PATIENCE = 10_000;

/** Begins to listen; undefined when another keeper of this program does. Throws where the place cannot be trusted. */
export async function startKeeper({
  place,
  identity,
  patience = PATIENCE,
}: KeeperOptions): Promise<Keeper | undefined> {
  preparePlace(place);
  const opener = createOpener();
  let clients = 0;
  /** Its time is over: another one took its place, or is about to. */
  let isRetired = false;
  let isWaiting = true;
  let isOver = false;
  const own: { inode: number | undefined } = { inode: undefined };
  let ended: () => void = () => undefined;
  const end = new Promise<void>((resolve) => (ended = resolve));
  const keeping = createKeeping({ open: (access, options) => opener.open(access, options), onEmpty: idle });

  const server = createServer((socket) => {
    clients += 1;
    serveClient(socket, {
      keeping,
      greet(hello) {
        if (hello.identity === identity) opener.refresh();
        else retire();
        return hello.identity === identity;
      },
      keeps: () => !isRetired && owns(place, own.inode),
      onGone() {
        clients -= 1;
        look();
      },
    });
  });

  function retire(): void {
    isRetired = true;
    keeping.discardAll();
    look();
  }

  function idle(): void {
    isWaiting = false;
    look();
  }

  /** Ends where nothing is left to do. */
  function look(): void {
    if (isOver || clients > 0 || keeping.size() > 0 || (isWaiting && !isRetired)) return;
    isOver = true;
    leave();
    void finish();
  }

  function leave(): void {
    clearTimeout(waiting);
    server.close();
    if (owns(place, own.inode)) {
      rmSync(place.socket, { force: true });
      removeEmpty(place.directory);
    }
  }

  async function finish(): Promise<void> {
    await keeping[Symbol.asyncDispose]();
    await opener[Symbol.asyncDispose]();
    ended();
  }

  const waiting = setTimeout(idle, patience);
  own.inode = await listen(server, place, identity);
  if (own.inode !== undefined) return { ended: end, leave };
  clearTimeout(waiting);
  server.close();
  await finish();
  return undefined;
}

/**
 * Listens under another name first, and takes the place with that: it is never half taken. Undefined when a keeper of
 * this program has it; what was left behind, and one of another program, is replaced.
 */
async function listen(server: Server, place: KeeperPlace, identity: string): Promise<number | undefined> {
  const draft = draftOf(place, process.pid);
  rmSync(draft, { force: true });
  server.listen(draft);
  await once(server, 'listening');
  chmodSync(draft, 0o600);
  const { ino } = statSync(draft);
  try {
    linkSync(draft, place.socket);
    rmSync(draft);
    return ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
  }
  const nothing = { onFrame: () => undefined, onGone: () => undefined };
  const found = await hail(place.socket, { identity, keep: 0 }, nothing);
  if (found.kind === 'welcome') {
    found.socket.destroy();
    rmSync(draft, { force: true });
    return undefined;
  }
  renameSync(draft, place.socket);
  return ino;
}

/** True while this keeper's socket is the one that commands find. */
function owns({ socket }: KeeperPlace, inode: number | undefined): boolean {
  return inode !== undefined && statSync(socket, { throwIfNoEntry: false })?.ino === inode;
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    // Another one is about to begin here.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
