import type { Fleet } from '../engine/fleet/fleet.ts';
import { forwardTo } from '../engine/fleet/forward.ts';
import type { Forward, ForwardRequest } from '../engine/fleet/forward.ts';
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
  readonly onError?: ((message: string, target: ForwardTarget) => void) | undefined;
  /** Milliseconds to wait for a connection to the machine. Default: 30,000. */
  readonly connectTimeout?: number | undefined;
}

/**
 * Listens on this computer, once the machine was reached, and leads what connects to ports as seen from the machine, all
 * of it by one connection. One that broke is opened again for the next who connects; it is closed after the last forward.
 * Rejects with `OperationError` when the machine cannot be reached, or nobody can listen at one of these places.
 */
export async function beginForwards(
  session: Session,
  deployment: string,
  { machine: term, targets }: { readonly machine: string; readonly targets: readonly ForwardTarget[] },
  { signal, onError, connectTimeout = 30_000, ...inputs }: ForwardOptions & { readonly signal: AbortSignal },
): Promise<readonly Forward[]> {
  const reach = await openReach(session, deployment, inputSource(session, inputs));
  const forwards: Forward[] = [];
  try {
    const machine = oneMachine(reach.state, term);
    const fleet: Pick<Fleet, 'use'> = {
      use: (one, cancel, work) => reach.use(one, { signal: cancel.signal, connectTimeout }, work),
    };
    // One after the other: the first one opens the connection.
    for (const target of targets)
      forwards.push(
        await forwardTo(fleet, machine, requestOf(target), {
          signal,
          onError: (message) =>
            onError?.(message.replace(`Cannot work on machine "${machine.name}": `, ''), target),
        }),
      );
  } catch (error) {
    await Promise.all(forwards.map((forward) => forward[Symbol.asyncDispose]()));
    await reach[Symbol.asyncDispose]();
    throw error;
  }
  const over = Promise.all(forwards.map(({ closed }) => closed)).then(() => reach[Symbol.asyncDispose]());
  over.catch(() => undefined);
  let open = forwards.length;
  return forwards.map((forward) => {
    // The last one takes the connection with it.
    const closed = forward.closed.then(() => (--open > 0 ? undefined : over));
    closed.catch(() => undefined);
    return {
      ...forward,
      closed,
      async [Symbol.asyncDispose]() {
        await forward[Symbol.asyncDispose]();
        await closed;
      },
    };
  });
}

function requestOf({ port, host, local = {} }: ForwardTarget): ForwardRequest {
  return {
    ...(local.host !== undefined && { host: local.host }),
    ...(local.port !== undefined && { port: local.port }),
    to: { port, ...(host !== undefined && { host }) },
  };
}
