import type { SshAccess } from '../machine.ts';
import { abortable } from './abort.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import type { OpenOptions } from './open-options.ts';

/**
 * Connections to hosts that machines are reached through: each is shared, and open while somebody borrows it and a
 * little longer, since machines that boot are tried again and again. Disposing closes those that nobody borrows.
 */
export interface Bastions extends AsyncDisposable {
  /** Rejects as opening does. One that was lost is opened again for the next who asks. */
  borrow(access: SshAccess, options: { readonly signal: AbortSignal }): Promise<Loan>;
}

/** Dispose of it to give the connection back. May be repeated. */
export interface Loan extends AsyncDisposable {
  readonly connection: Connection;
}

interface Entry {
  readonly cancel: AbortController;
  readonly opened: Promise<Connection>;
  users: number;
  /** Runs out when nobody has borrowed it for a while. */
  idle: NodeJS.Timeout | undefined;
}

/** `linger`: milliseconds for which a connection that nobody borrows stays open. */
export function createBastions(
  open: (access: SshAccess, options: Pick<OpenOptions, 'signal' | 'onLost'>) => Promise<Connection>,
  { linger = 0 }: { readonly linger?: number } = {},
): Bastions {
  const table = new Map<string, Entry>();
  let isOver = false;

  function start(key: string, access: SshAccess): Entry {
    const cancel = new AbortController();
    const forget = (): void => {
      if (table.get(key) === entry) table.delete(key);
    };
    const opened = open(access, { signal: cancel.signal, onLost: forget });
    opened.catch(forget);
    const entry: Entry = { cancel, opened, users: 0, idle: undefined };
    table.set(key, entry);
    return entry;
  }

  async function leave(key: string, entry: Entry): Promise<void> {
    entry.users -= 1;
    if (entry.users > 0) return;
    // Closing one gives back the one before it, for which nobody is to wait then.
    if (linger === 0 || isOver || table.get(key) !== entry) {
      await close(key, entry);
      return;
    }
    entry.idle = setTimeout(() => void close(key, entry), linger);
  }

  async function close(key: string, entry: Entry): Promise<void> {
    clearTimeout(entry.idle);
    if (table.get(key) === entry) table.delete(key);
    entry.cancel.abort(new ConnectionError('lost', 'Cannot use a connection: it is no longer wanted'));
    const [end] = await Promise.allSettled([entry.opened]);
    if (end.status === 'fulfilled') await end.value[Symbol.asyncDispose]();
  }

  return {
    async borrow(access, { signal }) {
      const key = keyOf(access);
      const entry = table.get(key) ?? start(key, access);
      clearTimeout(entry.idle);
      entry.users += 1;
      let left: Promise<void> | undefined;
      const giveBack = (): Promise<void> => (left ??= leave(key, entry));
      try {
        return { connection: await abortable(entry.opened, signal), [Symbol.asyncDispose]: giveBack };
      } catch (error) {
        await giveBack();
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      const idle = [...table].filter(([, { users }]) => users === 0);
      await Promise.all(idle.map(([key, entry]) => close(key, entry)));
    },
  };
}

/** Who shares a connection: those who log in to the same host in the same way. */
function keyOf(access: SshAccess): string {
  const { host, port, user, hostKeyAlias, privateKey, moreKeys, agent, onlyNamedKeys, trust, jump } = access;
  const login = [user, privateKey, moreKeys, agent, onlyNamedKeys];
  return JSON.stringify([host, port, hostKeyAlias, ...login, trust, jump]);
}
