import { abortable } from '../abort.ts';
import type { Access } from '../../machine.ts';
import type { Connection } from '../connection.ts';
import type { Target } from '../connection-pool.ts';
import type { OpenOptions } from '../open-options.ts';
import { createConnectionPool } from '../pool.ts';

/** Connections that outlast those who use them. */
export interface Keeping extends AsyncDisposable {
  /** Lends a connection to exactly this target: one that is kept and as good as new, or else one that is opened. */
  borrow(target: Target, options: BorrowOptions): Promise<Loan>;
  /** Keeps no connection to this machine any longer than somebody uses it. */
  discard(machine: string): void;
  /** Keeps none at all any longer. */
  discardAll(): void;
  /** How many connections there are, those being opened included. */
  size(): number;
}

export interface BorrowOptions {
  readonly signal: AbortSignal;
  /** Told when the connection breaks while it is lent. */
  readonly onLost: () => void;
}

export interface Loan {
  readonly connection: Connection;
  /** The host key that was accepted when none was known; null where one was. */
  readonly hostKey: string | null;
  /** `keep`: milliseconds for which it stays open; 0: something goes on over it, so that nobody else gets it. */
  giveBack(keep: number): void;
}

export interface KeepingOptions {
  readonly open: (access: Access, options: OpenOptions) => Promise<Connection>;
  /** Told when no connection is left. */
  readonly onEmpty: () => void;
}

interface Kept {
  readonly id: string;
  /** Of the pool; no two connections have the same. */
  readonly key: string;
  readonly machine: string;
  /** An object of its own, by which its opening is recognized. */
  readonly access: Access;
  readonly listeners: Set<() => void>;
  users: number;
  isOpen: boolean;
  hostKey: string | null;
  /** Whether it is as good as new, which is seen once for all who come at the same time. */
  check: Promise<boolean> | undefined;
  /** Milliseconds for which whoever had it last wants it kept. */
  keep: number;
  timer: NodeJS.Timeout | undefined;
}

/** Most connections: more than one command has, since others wait for as long as it goes on. */
const MOST = 4_000;
/** Milliseconds in which a machine whose connection was idle has to answer. */
const ANSWER_LIMIT = 3_000;

export function createKeeping({ open, onEmpty }: KeepingOptions): Keeping {
  const table = new Map<string, Kept>();
  const all = new Map<Access, Kept>();
  let numbers = 0;

  const pool = createConnectionPool({
    maxOpen: MOST,
    open(access, options) {
      const kept = all.get(access);
      const onLost = (): void => {
        options.onLost?.();
        if (kept === undefined) return;
        retire(kept);
        kept.listeners.forEach((tell) => tell());
      };
      const onHostKey = (hostKey: string): void => {
        if (kept !== undefined) kept.hostKey = hostKey;
        options.onHostKey(hostKey);
      };
      return open(access, { ...options, onLost, onHostKey });
    },
  });

  function start({ key: machine, access }: Target, id: string): Kept {
    const kept: Kept = {
      id,
      key: String((numbers += 1)),
      machine,
      access: { ...access },
      listeners: new Set(),
      users: 0,
      isOpen: false,
      hostKey: null,
      check: undefined,
      keep: 1,
      timer: undefined,
    };
    table.set(id, kept);
    all.set(kept.access, kept);
    return kept;
  }

  /** Nobody else gets it; it is closed when nobody has it. */
  function retire(kept: Kept): void {
    clearTimeout(kept.timer);
    if (table.get(kept.id) === kept) table.delete(kept.id);
    pool.release(kept.key);
    if (kept.users === 0 && all.delete(kept.access) && all.size === 0) onEmpty();
  }

  function leave(kept: Kept, keep: number): void {
    kept.users -= 1;
    kept.keep = keep;
    const isOver = keep === 0 || (kept.users === 0 && (!kept.isOpen || table.get(kept.id) !== kept));
    if (isOver) retire(kept);
    else if (kept.users === 0) kept.timer = setTimeout(() => retire(kept), keep);
  }

  /** The connection, while the answer's `end` is not called. */
  function hold(kept: Kept, target: Target, signal: AbortSignal) {
    return new Promise<{ readonly connection: Connection; readonly end: () => void }>((resolve, reject) => {
      const lent = (connection: Connection): Promise<void> =>
        new Promise((end) => resolve({ connection, end }));
      pool.use({ ...target, key: kept.key, access: kept.access }, { signal }, lent).catch(reject);
    });
  }

  async function isAsNew(connection: Connection): Promise<boolean> {
    const signal = AbortSignal.timeout(ANSWER_LIMIT);
    return (await connection.isAsNew?.({ signal }).catch(() => false)) ?? false;
  }

  async function tryToBorrow(
    kept: Kept,
    target: Target,
    { signal, onLost }: BorrowOptions,
  ): Promise<Loan | undefined> {
    const wasIdle = kept.isOpen && kept.users === 0;
    kept.users += 1;
    clearTimeout(kept.timer);
    let end: (() => void) | undefined;
    function giveBack(keep: number): void {
      if (end === undefined) return;
      kept.listeners.delete(onLost);
      end();
      end = undefined;
      leave(kept, keep);
    }
    try {
      const held = await hold(kept, target, signal);
      end = held.end;
      if (wasIdle) kept.check = isAsNew(held.connection).finally(() => (kept.check = undefined));
      const isGood = await abortable(kept.check ?? Promise.resolve(true), signal);
      if (!isGood) {
        giveBack(0);
        return undefined;
      }
      kept.isOpen = true;
      kept.listeners.add(onLost);
      return { connection: held.connection, hostKey: kept.hostKey, giveBack };
    } catch (error) {
      if (end === undefined) leave(kept, kept.keep);
      else giveBack(kept.keep);
      throw error;
    }
  }

  return {
    async borrow(target, options) {
      const id = JSON.stringify([target.key, target.access, target.password]);
      for (;;) {
        options.signal.throwIfAborted();
        const loan = await tryToBorrow(table.get(id) ?? start(target, id), target, options);
        if (loan !== undefined) return loan;
      }
    },
    discard(machine) {
      for (const kept of all.values()) if (kept.machine === machine) retire(kept);
    },
    discardAll() {
      for (const kept of all.values()) retire(kept);
    },
    size: () => all.size,
    async [Symbol.asyncDispose]() {
      for (const { timer } of all.values()) clearTimeout(timer);
      await pool[Symbol.asyncDispose]();
    },
  };
}
