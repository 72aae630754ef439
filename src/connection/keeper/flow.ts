import { Readable, Writable } from 'node:stream';
import { FRAME } from './link.ts';
import type { Link, StreamNumber } from './link.ts';

/** Bytes of one stream that may be on their way, or wait to be read. */
const WINDOW = 256 * 1024;
/** Most bytes of one frame, so that no stream keeps others waiting. */
const PIECE = 64 * 1024;

/** A stream of a call, and the link that it goes over. */
export interface Place {
  readonly link: Link;
  readonly call: number;
  readonly stream: StreamNumber;
}

/** Sends the bytes of a stream as fast as the other end reads them. */
export interface Sender {
  /** `done` is called when all is sent, or nobody wants it any more. */
  write(chunk: Buffer, done: () => void): void;
  end(): void;
  /** The other end has read so many bytes. */
  taken(bytes: number): void;
  /** Nobody wants any more of it. */
  stop(): void;
}

export function createSender({ link, call, stream }: Place): Sender {
  let room = WINDOW;
  let rest: { bytes: Buffer; readonly done: () => void } | undefined;
  let isOver = false;

  function go(): void {
    if (rest === undefined) return;
    while (room > 0 && rest.bytes.length > 0) {
      const piece = rest.bytes.subarray(0, Math.min(room, PIECE));
      rest.bytes = rest.bytes.subarray(piece.length);
      room -= piece.length;
      link.send(FRAME.bytes + stream, call, piece);
    }
    if (rest.bytes.length === 0) finish();
  }
  function finish(): void {
    const done = rest?.done;
    rest = undefined;
    done?.();
  }

  return {
    write(bytes, done) {
      if (isOver) {
        done();
        return;
      }
      rest = { bytes, done };
      go();
    },
    end() {
      if (!isOver) link.send(FRAME.end + stream, call);
    },
    taken(bytes) {
      room += bytes;
      go();
    },
    stop() {
      isOver = true;
      finish();
    },
  };
}

/** A sender as a stream; its end is the end of the other one. */
export function senderStream(sender: Sender): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => sender.write(chunk, () => done()),
    final(done) {
      sender.end();
      done();
    },
  });
}

/** Tells the other end what was read of a stream, in large steps. */
export interface Intake {
  /** So many bytes were read. */
  read(bytes: number): void;
}

export function createIntake({ link, call, stream }: Place): Intake {
  let owed = 0;
  return {
    read(bytes) {
      owed += bytes;
      if (owed < WINDOW / 4) return;
      const payload = Buffer.allocUnsafe(4);
      payload.writeUInt32BE(owed);
      owed = 0;
      link.send(FRAME.taken + stream, call, payload);
    },
  };
}

/** Takes what arrives, and counts as read what its reader has made room for. */
export interface Arrivals {
  push(chunk: Buffer): boolean;
  /** The reader wants more. */
  wanted(): void;
}

export function createArrivals(place: Place, push: (chunk: Buffer) => boolean): Arrivals {
  const intake = createIntake(place);
  let unread = 0;
  return {
    push(chunk) {
      unread += chunk.length;
      return push(chunk);
    },
    wanted() {
      const bytes = unread;
      unread = 0;
      if (bytes > 0) intake.read(bytes);
    },
  };
}

/** What arrives of a stream, to be read at leisure. */
export interface ArrivalStream {
  readonly readable: Readable;
  push(chunk: Buffer): void;
  end(): void;
}

export function arrivalStream(place: Place): ArrivalStream {
  const readable = new Readable({ read: () => arrivals.wanted() });
  const arrivals = createArrivals(place, (chunk) => readable.push(chunk));
  return {
    readable,
    push(chunk) {
      if (!readable.destroyed) arrivals.push(chunk);
    },
    end() {
      if (!readable.destroyed) readable.push(null);
    },
  };
}
