import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { ConnectionError } from '../../src/connection/connection.ts';
import { openThrough } from '../../src/connection/open-through.ts';
import type { SshAccess } from '../../src/machine.ts';

const access: SshAccess = {
  kind: 'ssh',
  host: 'web',
  port: 22,
  user: 'u',
  privateKey: '/k',
  hostKey: null,
  jump: [{ user: 'u', host: 'gate', port: 2222 }],
};

/** A host between whose forwarding ends with its signal only. */
function muteLoan(log: string[]) {
  const unused = () => Promise.reject(new Error('not asked for'));
  const connection: Connection = {
    ready: unused,
    exec: unused,
    upload: unused,
    download: unused,
    forward: (_target, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { connection, [Symbol.asyncDispose]: () => Promise.resolve(void log.push('given back')) };
}

describe('openThrough()', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function start(log: string[], signal: AbortSignal) {
    return openThrough(muteLoan(log), access, { signal, onHostKey: () => undefined }, async ({ dial }) => {
      await dial();
      throw new Error('not reached');
    });
  }

  it('gives up a machine that does not answer, and gives the connection back', async () => {
    const log: string[] = [];
    const end = expect(start(log, new AbortController().signal)).rejects.toMatchObject({
      problem: 'unreachable',
      message: 'Cannot connect to "web:22" through "gate:2222": no answer within 30 s',
    });
    await vi.advanceTimersByTimeAsync(30_000);
    await end;
    expect([log, vi.getTimerCount()]).toEqual([['given back'], 0]);
  });

  it('rejects with the reason of its signal', async () => {
    const log: string[] = [];
    const cancel = new AbortController();
    const reason = new ConnectionError('lost', 'enough');
    const end = expect(start(log, cancel.signal)).rejects.toBe(reason);
    cancel.abort(reason);
    await end;
    expect([log, vi.getTimerCount()]).toEqual([['given back'], 0]);
  });
});
