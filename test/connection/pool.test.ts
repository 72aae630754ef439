import { describe, expect, it, vi } from 'vitest';
import { ConnectionError } from '../../src/connection/connection.ts';
import type { Connection } from '../../src/connection/connection.ts';
import type { OpenOptions } from '../../src/connection/open-options.ts';
import { createConnectionPool } from '../../src/connection/pool.ts';
import type { Access } from '../../src/machine.ts';
import { sshAccess } from '../support/ssh-access.ts';

const never = new AbortController().signal;

/** Connections that are opened and broken by hand: what they were asked is kept as text. */
function operator() {
  const log: string[] = [];
  const pending: { readonly host: string; readonly options: OpenOptions; settle: (error?: Error) => void }[] =
    [];
  const open = new Map<string, OpenOptions>();
  return {
    log,
    pending,
    open: (reached: Access, options: OpenOptions) =>
      new Promise<Connection>((resolve, reject) => {
        const access = sshAccess(reached);
        log.push(`open ${access.host}`);
        options.signal.addEventListener('abort', () => {
          log.push(`cancel ${access.host}`);
          reject(options.signal.reason as Error);
        });
        pending.push({
          host: access.host,
          options,
          settle: (error) => {
            if (error) reject(error);
            else {
              open.set(access.host, options);
              resolve(connection(access.host, log));
            }
          },
        });
      }),
    lose(host: string) {
      log.push(`lose ${host}`);
      open.get(host)?.onLost?.();
    },
    async settleAll() {
      for (let i = 0; i < 20; i += 1) {
        await Promise.resolve();
        while (pending.length > 0) pending.shift()?.settle();
      }
    },
  };
}

function connection(host: string, log: string[]): Connection {
  const unused = () => Promise.reject(new Error('not asked for'));
  return {
    ready: unused,
    exec: unused,
    upload: unused,
    download: unused,
    forward: unused,
    [Symbol.asyncDispose]: () => {
      log.push(`close ${host}`);
      return Promise.resolve();
    },
  };
}

function target(host: string, onHostKey?: (key: string) => void) {
  const access: Access = { kind: 'ssh', host, port: 22, user: 'u', privateKey: '/k', hostKey: null };
  return { key: host, access, ...(onHostKey && { onHostKey }) };
}

/** Work that lasts until it is told to end. */
function work() {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { end, work: () => ended };
}

async function idle(): Promise<void> {
  for (let i = 0; i < 30; i += 1) await Promise.resolve();
}

describe('createConnectionPool()', () => {
  it('opens one connection for all who ask at the same time, keeps it, and closes it when disposed of', async () => {
    const there = operator();
    const pool = createConnectionPool({ open: there.open });
    const uses = [1, 2, 3].map((n) => pool.use(target('a'), { signal: never }, () => Promise.resolve(n)));
    await there.settleAll();
    expect(await Promise.all(uses)).toEqual([1, 2, 3]);
    expect(await pool.use(target('a'), { signal: never }, () => Promise.resolve('again'))).toBe('again');
    await pool[Symbol.asyncDispose]();
    expect(there.log).toEqual(['open a', 'close a']);
    await expect(pool.use(target('a'), { signal: never }, () => Promise.resolve())).rejects.toMatchObject({
      problem: 'lost',
    });
  });

  it('tells everyone who waits for an opening which host key the machine showed', async () => {
    const there = operator();
    await using pool = createConnectionPool({ open: there.open });
    const told: string[] = [];
    const uses = ['one', 'two'].map((name) =>
      pool.use(
        target('a', (key) => told.push(`${name} ${key}`)),
        { signal: never },
        () => Promise.resolve(),
      ),
    );
    await idle();
    there.pending[0]?.options.onHostKey('K');
    await there.settleAll();
    await Promise.all(uses);
    expect(told).toEqual(['one K', 'two K']);
  });

  it('fails all who wait for an opening that fails, and opens anew for the next', async () => {
    const there = operator();
    await using pool = createConnectionPool({ open: there.open, maxOpen: 1 });
    const uses = [1, 2].map(() => pool.use(target('a'), { signal: never }, () => Promise.resolve()));
    const ends = Promise.allSettled(uses);
    await idle();
    const error = new ConnectionError('unreachable', 'no');
    there.pending.shift()?.settle(error);
    expect((await ends).map((end) => end.status === 'rejected' && end.reason === error)).toEqual([
      true,
      true,
    ]);
    const next = pool.use(target('b'), { signal: never }, () => Promise.resolve('fine'));
    await there.settleAll();
    expect(await next).toBe('fine');
    expect(there.log).toEqual(['open a', 'open b']);
  });

  it('goes on opening for others when one of them gives up, and cancels when all did', async () => {
    const there = operator();
    await using pool = createConnectionPool({ open: there.open });
    const reason = new Error('enough');
    const [first, second] = [new AbortController(), new AbortController()];
    const one = pool.use(target('a'), { signal: first.signal }, () => Promise.resolve());
    const two = pool.use(target('a'), { signal: second.signal }, () => Promise.resolve());
    const ends = Promise.allSettled([one, two]);
    await idle();
    first.abort(reason);
    await expect(one).rejects.toBe(reason);
    await idle();
    expect(there.log).toEqual(['open a']);
    second.abort(reason);
    await ends;
    await idle();
    expect(there.log).toEqual(['open a', 'cancel a']);
    await expect(
      pool.use(target('a'), { signal: AbortSignal.abort(reason) }, () => Promise.resolve()),
    ).rejects.toBe(reason);
  });

  it('opens again when a connection was lost, whether it was idle or in use', async () => {
    const there = operator();
    await using pool = createConnectionPool({ open: there.open });
    const first = pool.use(target('a'), { signal: never }, () => Promise.resolve());
    await there.settleAll();
    await first;
    there.lose('a');
    const failing = pool.use(target('a'), { signal: never }, () =>
      Promise.reject(new ConnectionError('lost', 'gone')),
    );
    const end = expect(failing).rejects.toMatchObject({ problem: 'lost' });
    await there.settleAll();
    await end;
    const again = pool.use(target('a'), { signal: never }, () => Promise.resolve());
    await there.settleAll();
    await again;
    expect(there.log.filter((line) => line === 'open a')).toHaveLength(3);
  });

  it('opens anew for a machine whose address changed', async () => {
    const there = operator();
    await using pool = createConnectionPool({ open: there.open });
    for (const host of ['a', 'b']) {
      const use = pool.use({ ...target(host), key: 'machine' }, { signal: never }, () => Promise.resolve());
      await there.settleAll();
      await use;
    }
    await idle();
    expect(there.log.toSorted()).toEqual(['close a', 'open a', 'open b']);
  });

  it('closes the connection that is idle for longest when a place is needed, and waits when all are in use', async () => {
    const there = operator();
    await using pool = createConnectionPool({ open: there.open, maxOpen: 2 });
    for (const host of ['a', 'b', 'a']) {
      const use = pool.use(target(host), { signal: never }, () => Promise.resolve());
      await there.settleAll();
      await use;
    }
    const [c, d] = [work(), work()];
    const uses = [
      pool.use(target('c'), { signal: never }, c.work),
      pool.use(target('d'), { signal: never }, d.work),
    ];
    await there.settleAll();
    expect(there.log).toEqual(['open a', 'open b', 'close b', 'close a', 'open c', 'open d']);
    const waiting = pool.use(target('e'), { signal: never }, () => Promise.resolve('e'));
    await there.settleAll();
    expect(there.log).not.toContain('open e');
    c.end();
    await there.settleAll();
    expect(await waiting).toBe('e');
    d.end();
    await Promise.all(uses);
  });

  it('never has more handshakes under way than it may', async () => {
    const there = operator();
    await using pool = createConnectionPool({ open: there.open, handshakes: 3 });
    const uses = Array.from({ length: 10 }, (_, i) =>
      pool.use(target(String(i)), { signal: never }, () => Promise.resolve()),
    );
    await idle();
    expect(there.pending).toHaveLength(3);
    await there.settleAll();
    await Promise.all(uses);
  });

  describe('with servers that bear few logins at once', () => {
    function few(host: string, hostKey: string | null = null) {
      const plain = target(host);
      return { ...plain, access: { ...sshAccess(plain.access), hostKey, startups: 2 } };
    }

    it('begins no more than they bear where all may be one server, and others beside', async () => {
      const there = operator();
      await using pool = createConnectionPool({ open: there.open });
      const targets = [1, 2, 3, 4, 5].map((n) => few(`some-${n}`));
      const uses = [...targets, target('own-1'), target('own-2')].map((one) =>
        pool.use(one, { signal: never }, () => Promise.resolve()),
      );
      await idle();
      expect(there.pending.map(({ host }) => host).toSorted()).toEqual([
        'own-1',
        'own-2',
        'some-1',
        'some-2',
      ]);
      for (const { options } of there.pending) options.onHostKey('K');
      await there.settleAll();
      await Promise.all(uses);
    });

    it('takes those with one host key for one server, those with others for others', async () => {
      const there = operator();
      await using pool = createConnectionPool({ open: there.open });
      const targets = ['K', 'L'].flatMap((key) => [1, 2, 3].map((n) => few(`${key}-${n}`, key)));
      const uses = targets.map((one) => pool.use(one, { signal: never }, () => Promise.resolve()));
      await idle();
      expect(there.pending.map(({ host }) => host).toSorted()).toEqual(['K-1', 'K-2', 'L-1', 'L-2']);
      await there.settleAll();
      await Promise.all(uses);
    });

    it('begins more once they turn out to be several', async () => {
      const there = operator();
      await using pool = createConnectionPool({ open: there.open });
      const uses = Array.from({ length: 9 }, (_, n) =>
        pool.use(few(`some-${n}`), { signal: never }, () => Promise.resolve()),
      );
      await idle();
      const [first, second] = there.pending.splice(0);
      first?.options.onHostKey('K');
      second?.options.onHostKey('L');
      first?.settle();
      second?.settle();
      await idle();
      expect(there.pending).toHaveLength(3);
      await there.settleAll();
      await Promise.all(uses);
    });

    it('lets nobody wait for one that does not answer for long', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const there = operator();
        await using pool = createConnectionPool({ open: there.open });
        const uses = [1, 2, 3].map((n) =>
          pool.use(few(`some-${n}`), { signal: never }, () => Promise.resolve()),
        );
        await idle();
        expect(there.pending).toHaveLength(2);
        await vi.advanceTimersByTimeAsync(5_000);
        await idle();
        expect(there.pending).toHaveLength(3);
        await there.settleAll();
        await Promise.all(uses);
      } finally {
        vi.useRealTimers();
      }
    });
  });

  it('passes passwords on, or why there is none', async () => {
    const there = operator();
    await using pool = createConnectionPool({ open: there.open });
    const told = [{ password: 'p' }, { noPassword: 'why' }];
    const uses = told.map((more, n) =>
      pool.use({ ...target(String(n)), ...more }, { signal: never }, () => Promise.resolve()),
    );
    await idle();
    expect(there.pending.map(({ options }) => options)).toMatchObject(told);
    await there.settleAll();
    await Promise.all(uses);
  });

  it('release() closes a connection at once, or when its last user is done', async () => {
    const there = operator();
    await using pool = createConnectionPool({ open: there.open });
    pool.release('unknown');
    const first = pool.use(target('a'), { signal: never }, () => Promise.resolve());
    await there.settleAll();
    await first;
    pool.release('a');
    await idle();
    const job = work();
    const second = pool.use(target('a'), { signal: never }, job.work);
    await there.settleAll();
    pool.release('a');
    await idle();
    expect(there.log).toEqual(['open a', 'close a', 'open a']);
    job.end();
    await second;
    await idle();
    expect(there.log).toEqual(['open a', 'close a', 'open a', 'close a']);
  });
});
