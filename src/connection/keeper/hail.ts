import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { FRAME, openLink } from './link.ts';
import type { Link } from './link.ts';
import { parse } from './messages.ts';
import type { Hello, Welcome } from './messages.ts';

/** Milliseconds in which a keeper has to answer, which does little else. */
const LIMIT = 5_000;

/** There is none, or it was killed, or it ends in that moment. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

/** A keeper that was hailed. */
export type Hailed =
  | { readonly kind: 'welcome'; readonly link: Link; readonly socket: Socket }
  /** It is another program, and ends when nobody uses it. */
  | { readonly kind: 'other' }
  /** Nobody listens. */
  | { readonly kind: 'absent' };

export interface HailEvents {
  onFrame(kind: number, call: number, payload: Buffer): void;
  /** A keeper that was welcome is gone. */
  onGone(): void;
}

/** Asks whoever listens on a socket to serve this program. Rejects with an `Error` when it does not answer. */
export function hail(path: string, hello: Hello, { onFrame, onGone }: HailEvents): Promise<Hailed> {
  return new Promise((resolve, reject) => {
    let answer: Hailed | undefined;
    const socket = connect(path);
    const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), LIMIT);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (ABSENT.has(error.code ?? '')) resolve({ kind: 'absent' });
      else reject(error);
    });
    const link = openLink(socket, {
      onFrame(kind, call, payload) {
        if (kind !== FRAME.hello) {
          onFrame(kind, call, payload);
          return;
        }
        clearTimeout(timer);
        if ((parse(payload) as Welcome).isWelcome) answer = { kind: 'welcome', link, socket };
        else {
          answer = { kind: 'other' };
          socket.destroy();
        }
        resolve(answer);
      },
      onClose() {
        clearTimeout(timer);
        if (answer?.kind === 'welcome') onGone();
        // It ended in that moment.
        else resolve({ kind: 'absent' });
      },
    });
    link.sendJson(FRAME.hello, 0, hello);
  });
}
