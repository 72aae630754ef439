import { abortable } from './abort.ts';
import type { Access } from '../machine.ts';
import type { ConnectionPool, Target } from './connection-pool.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import type { OpenOptions } from './open-options.ts';
import { createHandshakes } from './handshakes.ts';
import { createSemaphore } from './semaphore.ts';

export interface PoolOptions {
  /** `key`: that of the target. */
  readonly open: (access: Access, options: OpenOptions, key: string) => Promise<Connection>;
  /** Most connections at once, those being opened included: the one idle for longest is closed for a new one. */
  readonly maxOpen?: number;
  /** Most handshakes at once; an access may allow fewer with its server. */
  readonly handshakes?: number;
}

/** One connection from its opening to its end; it is in the table for as long as it can be lent. */
interface Entry {
  readonly key: string;
  readonly address: string;
  readonly cancel: AbortController;
  readonly hostKeyListeners: Set<(hostKey: string) => void>;
  readonly opened: Promise<Connection>;
  phase: 'opening' | 'open' | 'over';
  freePlace: () => void;
  /** Users that wait for it or work with it. */
  users: number;
  released: boolean;
}

export function createConnectionPool({
  open,
  maxOpen = 1_000,
  handshakes = 32,
}: PoolOptions): ConnectionPool {
  const places = createSemaphore(maxOpen);
  const bounds = createHandshakes(handshakes);
  const table = new Map<string, Entry>();
  /** In the order in which they became idle. */
  const idle = new Set<Entry>();
  const closing = new Set<Promise<void>>();
  let disposed = false;

  function start(target: Target): Entry {
    const { key, access } = target;
    const cancel = new AbortController();
    const hostKeyListeners = new Set<(hostKey: string) => void>();
    const entry: Entry = {
      key,
      address: addressOf(access),
      cancel,
      hostKeyListeners,
      opened: Promise.resolve().then(() => openEntry(entry, target)),
      phase: 'opening',
      freePlace: () => undefined,
      users: 0,
      released: false,
    };
    entry.opened.catch(() => forget(entry));
    table.set(key, entry);
    return entry;
  }

  async function openEntry(entry: Entry, { key, access, password, noPassword }: Target): Promise<Connection> {
    const { signal } = entry.cancel;
    const place = places.acquire(signal);
    makeRoom();
    entry.freePlace = await place;
    try {
      const handshake = await bounds.begin(access, { signal });
      try {
        const options: OpenOptions = {
          signal,
          ...(password !== undefined && { password }),
          ...(noPassword !== undefined && { noPassword }),
          onHostKey: (hostKey) => {
            handshake.shown(hostKey);
            entry.hostKeyListeners.forEach((tell) => tell(hostKey));
          },
          onLost: () => {
            forget(entry);
            entry.phase = 'over';
            entry.freePlace();
          },
        };
        const connection = await open(access, options, key);
        entry.phase = 'open';
        return connection;
      } finally {
        handshake.end();
      }
    } catch (error) {
      entry.phase = 'over';
      entry.freePlace();
      throw error;
    }
  }

  /** Closes idle connections for those that wait for a place. */
  function makeRoom(): void {
    for (const entry of idle) {
      if (places.waiting() <= closing.size) return;
      close(entry);
    }
  }

  function forget(entry: Entry): void {
    if (table.get(entry.key) === entry) table.delete(entry.key);
    idle.delete(entry);
  }

  function close(entry: Entry): void {
    forget(entry);
    if (entry.phase === 'over') return;
    const { phase } = entry;
    entry.phase = 'over';
    if (phase === 'opening') entry.cancel.abort(closedError());
    const closed = entry.opened
      .then((connection) => connection[Symbol.asyncDispose]())
      .catch(() => undefined)
      .finally(() => {
        entry.freePlace();
        closing.delete(closed);
      });
    closing.add(closed);
  }

  function enter(entry: Entry): void {
    entry.users += 1;
    entry.released = false;
    idle.delete(entry);
  }

  function leave(entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (table.get(entry.key) !== entry || entry.released || entry.phase !== 'open') close(entry);
    else {
      idle.add(entry);
      makeRoom();
    }
  }

  function release(key: string): void {
    const entry = table.get(key);
    if (entry === undefined) return;
    if (entry.users === 0) close(entry);
    else entry.released = true;
  }

  return {
    async use(target, { signal }, work) {
      signal.throwIfAborted();
      if (disposed) throw closedError();
      const current = table.get(target.key);
      const stale = current !== undefined && current.address !== addressOf(target.access);
      if (stale) {
        forget(current);
        if (current.users === 0) close(current);
      }
      const entry = current === undefined || stale ? start(target) : current;
      enter(entry);
      if (target.onHostKey) entry.hostKeyListeners.add(target.onHostKey);
      try {
        return await work(await abortable(entry.opened, signal));
      } catch (error) {
        if (error instanceof ConnectionError && error.problem === 'lost') forget(entry);
        throw error;
      } finally {
        if (target.onHostKey) entry.hostKeyListeners.delete(target.onHostKey);
        leave(entry);
      }
    },

    release,
    discard: release,

    async [Symbol.asyncDispose]() {
      disposed = true;
      for (const entry of table.values()) close(entry);
      await Promise.all(closing);
    },
  };
}

function closedError(): ConnectionError {
  return new ConnectionError('lost', 'Cannot use a connection: it is no longer wanted');
}

/** What decides whether a connection that is open still leads to the machine. */
function addressOf(access: Access): string {
  if (access.kind !== 'ssh') return JSON.stringify(access);
  const { host, port, user, hostKeyAlias, privateKey, moreKeys, agent, onlyNamedKeys, trust, jump } = access;
  const address = `${user}@${host}:${port} ${privateKey ?? ''}`;
  const more = [hostKeyAlias, moreKeys, agent, onlyNamedKeys, trust, jump];
  return more.every((part) => part === undefined) ? address : JSON.stringify([address, ...more]);
}
