import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** Milliseconds within which a server has to take a connection. */
const DIAL_LIMIT = 10_000;

/** A stream to a server, which is still connecting; fails where nobody answers in time. */
export function dialTcp({ host, port }: { readonly host: string; readonly port: number }): Socket {
  const socket = connect({ host, port, noDelay: true });
  const timer = setTimeout(
    () => socket.destroy(new Error(`no answer within ${DIAL_LIMIT / 1_000} s`)),
    DIAL_LIMIT,
  );
  const stop = (): void => clearTimeout(timer);
  return socket.once('connect', stop).once('close', stop);
}
