import { forwardTo } from '../engine/fleet/forward.ts';
import type { Forward } from '../engine/fleet/forward.ts';
import type { InputOptions } from './given-inputs.ts';
import { inputSource } from './given-inputs.ts';
import { oneMachine } from './one-machine.ts';
import { openReach } from './reach.ts';
import type { Session } from './session.ts';

export type { Forward } from '../engine/fleet/forward.ts';

/** A TCP port as seen from a machine, and where to listen for it here. */
export interface ForwardTarget {
  readonly port: number;
  /** Default: 127.0.0.1, which is the machine itself. */
  readonly host?: string | undefined;
  /** Default: 127.0.0.1, and a port that is free. */
  readonly local?: { readonly host?: string | undefined; readonly port?: number | undefined } | undefined;
}

export interface ForwardOptions extends InputOptions {
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each connection that could not be forwarded or broke; the others go on. */
  readonly onError?: ((message: string) => void) | undefined;
  /** Milliseconds to wait for a connection to the machine. Default: 30,000. */
  readonly connectTimeout?: number | undefined;
}

/**
 * Listens on this computer, once the machine was reached, and leads what connects to a port as seen from the machine. A
 * connection to the machine that broke is opened again for the next who connects. Rejects with `OperationError` when the
 * machine cannot be reached, or nobody can listen there.
 */
export async function beginForward(
  session: Session,
  deployment: string,
  term: string,
  { port, host, local = {} }: ForwardTarget,
  { signal, onError, connectTimeout = 30_000, ...inputs }: ForwardOptions & { readonly signal: AbortSignal },
): Promise<Forward> {
  const reach = await openReach(session, deployment, inputSource(session, inputs));
  const close = async (): Promise<void> => await reach[Symbol.asyncDispose]();
  try {
    const machine = oneMachine(reach.state, term);
    const forward = await forwardTo(
      { use: (one, cancel, work) => reach.use(one, { signal: cancel.signal, connectTimeout }, work) },
      machine,
      {
        ...(local.host !== undefined && { host: local.host }),
        ...(local.port !== undefined && { port: local.port }),
        to: { port, ...(host !== undefined && { host }) },
      },
      {
        signal,
        onError: (message) => onError?.(message.replace(`Cannot work on machine "${machine.name}": `, '')),
      },
    );
    const closed = forward.closed.finally(close);
    return {
      ...forward,
      closed,
      async [Symbol.asyncDispose]() {
        await forward[Symbol.asyncDispose]();
        await closed;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
