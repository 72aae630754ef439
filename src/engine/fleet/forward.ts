import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { onAbort } from '../../connection/abort.ts';
import { OperationError } from '../../errors.ts';
import type { Machine } from '../../machine.ts';
import type { Cancel } from '../perform/context.ts';
import { messageOf } from '../perform/context.ts';
import type { Fleet } from './fleet.ts';

export interface ForwardRequest {
  /** Where to listen; default: 127.0.0.1, and a port that is free (0). */
  readonly host?: string;
  readonly port?: number;
  /** As seen from the machine; `host` is 127.0.0.1 by default. */
  readonly to: { readonly host?: string; readonly port: number };
}

export interface ForwardOptions extends Cancel {
  /** Told of each connection that could not be forwarded or broke; the others go on. */
  readonly onError?: (message: string) => void;
}

/** A listener of this computer whose connections lead to a port of a machine. Disposing it closes them all. */
export interface Forward extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Resolves when it was disposed of or the signal was aborted, and everything is closed. */
  readonly closed: Promise<void>;
}

/** Listens, once the machine was reached. Rejects as `Fleet.use` does, or with an `OperationError` if nobody can listen there. */
export async function forwardTo(
  fleet: Pick<Fleet, 'use'>,
  machine: Machine,
  { host = '127.0.0.1', port = 0, to }: ForwardRequest,
  { signal, onError }: ForwardOptions,
): Promise<Forward> {
  await fleet.use(machine, { signal }, () => Promise.resolve());
  const over = new AbortController();
  const sockets = new Set<Socket>();
  const target = { host: to.host ?? '127.0.0.1', port: to.port };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void serve(socket);
  });

  async function serve(socket: Socket): Promise<void> {
    const gone = new AbortController();
    socket.once('close', () => gone.abort(new Error('The connection was closed')));
    socket.on('error', () => undefined);
    try {
      const both = AbortSignal.any([over.signal, gone.signal]);
      await fleet.use(machine, { signal: both }, async (connection) => {
        const stream = await connection.forward(target, { signal: both });
        await join(socket, stream);
      });
    } catch (error) {
      socket.resetAndDestroy();
      if (!over.signal.aborted && !gone.signal.aborted) onError?.(messageOf(error));
    }
  }

  await listen(server, host, port);
  // One that could not be accepted; the others go on.
  server.on('error', (error) => onError?.(messageOf(error)));
  const address = server.address() as AddressInfo;
  const closed = new Promise<void>((resolve) => {
    server.once('close', () => {
      stopListening();
      resolve();
    });
  });
  const stopListening = onAbort(signal, close);
  if (signal.aborted) close();

  function close(): void {
    if (over.signal.aborted) return;
    over.abort(new Error('The forward was closed'));
    server.close();
    for (const socket of sockets) socket.destroy();
  }

  return {
    host: address.address,
    port: address.port,
    closed,
    async [Symbol.asyncDispose]() {
      close();
      await closed;
    },
  };
}

async function listen(server: ReturnType<typeof createServer>, host: string, port: number): Promise<void> {
  try {
    const listening = once(server, 'listening');
    server.listen(port, host);
    await listening;
  } catch (error) {
    const [why, hint] = listenWords(error);
    throw new OperationError(`Cannot listen on "${host}:${port}": ${why}`, hint);
  }
}

function listenWords(error: unknown): readonly [why: string, hint?: string] {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return ['the port is in use', 'Choose another one: 0 is any that is free.'];
  if (code === 'EACCES')
    return ['only root may listen there', 'Choose a port from 1024 on: 0 is any that is free.'];
  return [code === 'EADDRNOTAVAIL' ? 'this computer has no such address' : messageOf(error)];
}

/** Each end of either is passed on alone; resolves when both are over, rejects when the stream breaks. */
async function join(socket: Socket, stream: Duplex): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let open = 2;
    function over(): void {
      open -= 1;
      if (open > 0) return;
      stream.destroy();
      resolve();
    }
    stream.once('error', reject);
    socket.once('error', () => stream.destroy());
    socket.once('close', () => {
      stream.destroy();
      resolve();
    });
    stream.once('finish', over);
    socket.once('finish', over);
    stream.pipe(socket);
    socket.pipe(stream);
  });
}
