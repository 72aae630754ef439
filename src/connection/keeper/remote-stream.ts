import { Duplex } from 'node:stream';
import { createArrivals, createSender } from './flow.ts';
import { FRAME } from './link.ts';
import type { Link } from './link.ts';

/** What goes to a machine and comes from it in one call, as a stream. */
export interface RemoteStream {
  readonly stream: Duplex;
  onFrame(kind: number, payload: Buffer): void;
  /** The other side is closed, or broke. */
  close(error?: Error): void;
}

/** `cancel`: told when nobody wants it any more. */
export function remoteStream(link: Link, call: number, cancel: () => void): RemoteStream {
  const sender = createSender({ link, call, stream: 0 });
  const stream = new Duplex({
    read: () => arrivals.wanted(),
    write: (chunk: Buffer, _encoding, done) => sender.write(chunk, () => done()),
    final(done) {
      sender.end();
      done();
    },
    destroy(error, done) {
      sender.stop();
      cancel();
      done(error);
    },
  });
  const arrivals = createArrivals({ link, call, stream: 1 }, (chunk) => stream.push(chunk));
  return {
    stream,
    onFrame(kind, payload) {
      if (stream.destroyed) return;
      if (kind === FRAME.bytes + 1) arrivals.push(payload);
      else if (kind === FRAME.end + 1) stream.push(null);
      else if (kind === FRAME.taken) sender.taken(payload.readUInt32BE());
    },
    close(error) {
      sender.stop();
      if (error !== undefined) stream.destroy(error);
      else if (!stream.writableFinished) stream.end();
    },
  };
}
