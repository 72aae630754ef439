import type { Duplex } from 'node:stream';
import { childSignal } from '../child-signal.ts';
import type { SshAccess } from '../machine.ts';
import type { Loan } from './bastion.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import type { OpenOptions } from './open-options.ts';

/** The reason in SSH's answer that means: this login may not. Others say that the machine did not answer. */
const PROHIBITED = 1;

/** Milliseconds that the host between may take to reach the next one. */
const FORWARD_LIMIT = 30_000;

/** What opening a connection through another needs. */
export interface Parts {
  readonly dial: () => Promise<Duplex>;
  readonly options: OpenOptions;
}

/** Opens a connection over a borrowed one, which is given back when the connection ends, however it ends. */
export async function openThrough(
  loan: Loan,
  access: SshAccess,
  options: OpenOptions,
  open: (parts: Parts) => Promise<Connection>,
): Promise<Connection> {
  const { host, port } = access;
  const dial = async (): Promise<Duplex> => {
    using limit = childSignal(options.signal);
    const timer = setTimeout(() => limit.abort(noAnswer(access)), FORWARD_LIMIT);
    try {
      return await loan.connection.forward({ host, port }, limit);
    } catch (error) {
      if (limit.signal.aborted) throw error;
      throw error instanceof ConnectionError ? forwardError(error, access) : error;
    } finally {
      clearTimeout(timer);
    }
  };
  const onLost = (): void => {
    // Closing cannot fail, and nobody waits for a connection that is gone.
    void loan[Symbol.asyncDispose]();
    options.onLost?.();
  };
  try {
    const connection = await open({ dial, options: { ...options, onLost } });
    return {
      ...connection,
      async [Symbol.asyncDispose]() {
        await connection[Symbol.asyncDispose]();
        await loan[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await loan[Symbol.asyncDispose]();
    throw error;
  }
}

function noAnswer(access: SshAccess): ConnectionError {
  return new ConnectionError(
    'unreachable',
    `${cannotConnect(access)}: no answer within ${FORWARD_LIMIT / 1_000} s`,
  );
}

function forwardError(error: ConnectionError, access: SshAccess): ConnectionError {
  const what = cannotConnect(access);
  const { reason } = (error.cause ?? {}) as { readonly reason?: unknown };
  if (reason === PROHIBITED)
    return new ConnectionError(
      'failed',
      `${what}: it is not allowed to forward\nThe host between needs "AllowTcpForwarding yes" for this login.`,
      { cause: error },
    );
  return new ConnectionError('unreachable', `${what}: ${error.message}`, { cause: error });
}

function cannotConnect({ host, port, jump }: SshAccess): string {
  const bastion = jump?.at(-1);
  return `Cannot connect to "${host}:${port}" through "${bastion?.host ?? ''}:${bastion?.port ?? ''}"`;
}
