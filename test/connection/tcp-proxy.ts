import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A door to a TCP server that can be slammed. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: () => number;
  /** Destroys every connection that goes through it. */
  cut(): void;
  /** Milliseconds for which what the server sends is gathered, to be passed on in one piece. */
  gather: number;
  /** Called with what the client sends, chunk by chunk, before it is passed on. */
  onClientBytes: ((chunk: Buffer) => void) | undefined;
  /** Called with what the server sends, chunk by chunk, before it is passed on. */
  onServerBytes: ((chunk: Buffer) => void) | undefined;
}

export async function startTcpProxy(
  target: { readonly host: string; readonly port: number } | { readonly path: string },
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  function join(from: Socket, to: Socket, tell: (chunk: Buffer) => void): void {
    sockets.add(from);
    from.on('error', () => undefined);
    from.once('close', () => {
      sockets.delete(from);
      to.destroy();
    });
    const gathered: Buffer[] = [];
    from.on('data', (chunk: Buffer) => {
      tell(chunk);
      if (proxy.gather > 0 || gathered.length > 0) {
        if (gathered.push(chunk) === 1) {
          setTimeout(() => to.write(Buffer.concat(gathered.splice(0))), proxy.gather);
        }
        return;
      }
      if (!to.destroyed && !to.write(chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.once('end', () => to.end());
  }
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted += 1;
    const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    join(client, upstream, (chunk) => proxy.onClientBytes?.(chunk));
    join(upstream, client, (chunk) => proxy.onServerBytes?.(chunk));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    gather: 0,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    onClientBytes: undefined,
    onServerBytes: undefined,
    async [Symbol.asyncDispose]() {
      proxy.cut();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
