import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { onAbort } from './abort.ts';
import { ConnectionError } from './connection.ts';

/** A stream to a TCP port as seen from here. */
export async function connectTcp(
  { host, port }: { readonly host: string; readonly port: number },
  { signal }: { readonly signal: AbortSignal },
): Promise<Duplex> {
  signal.throwIfAborted();
  const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    const stopListening = onAbort(signal, () => {
      socket.destroy();
      reject(signal.reason as Error);
    });
    socket.once('connect', () => {
      stopListening();
      resolve();
    });
    socket.on('error', (error) => {
      stopListening();
      reject(new ConnectionError('failed', `Cannot reach ${host}:${port}: ${why(error)}`, { cause: error }));
    });
  });
  return tcpStream(socket);
}

/** Ends, rather than fails, when the other side resets the connection: as a channel of SSH does. */
function tcpStream(socket: Socket): Duplex {
  const stream = new Duplex({
    read: () => {
      socket.resume();
    },
    write: (chunk: Buffer, _encoding, done) => {
      socket.write(chunk, () => done());
    },
    final: (done) => {
      socket.end(() => done());
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk) => {
    if (!stream.push(chunk)) socket.pause();
  });
  socket.once('end', () => stream.push(null));
  socket.once('close', () => {
    if (!socket.readableEnded && !stream.destroyed) stream.push(null);
    if (!stream.writableEnded) stream.end();
  });
  return stream;
}

function why(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : error.message;
}
