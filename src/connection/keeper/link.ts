import type { Socket } from 'node:net';

/** What a frame says. A call is opened by a request; a frame of a call that is over is dropped. */
export const FRAME = {
  /** JSON: who is there. The first one each way. */
  hello: 0,
  /** JSON `Request`: opens a call. */
  request: 1,
  /** The client wants no more of a call; of a loan: gives it back. */
  cancel: 2,
  /** Bytes of a stream: `bytes + stream`. */
  bytes: 3,
  /** `end + stream`: there are no more of it. */
  end: 6,
  /** `taken + stream`, with a number of bytes that were read of it: as many more may be sent. */
  taken: 9,
  /** JSON `TerminalSize`. */
  resize: 12,
  /** JSON: what a call came to, or how far it came. */
  answer: 13,
  /** JSON `Failure`: how a call failed, or what became of a loan. */
  failure: 14,
  /** JSON: the id of a machine that ends, or is to be reached anew. */
  discard: 15,
} as const;

/** Streams of a call: 0 goes to the machine, the others come from it. */
export type StreamNumber = 0 | 1 | 2;

/** Length of what follows, kind, call. */
const HEADER = 9;

/** A payload larger than this is the work of something else than this program. */
const MOST = 64 * 1024 * 1024;

/** One end of the conversation between a command and a keeper. */
export interface Link {
  send(kind: number, call: number, payload?: Buffer): void;
  sendJson(kind: number, call: number, value: unknown): void;
  /** Ends it when all is sent. */
  end(): void;
}

export interface LinkEvents {
  onFrame(kind: number, call: number, payload: Buffer): void;
  /** Told once, however it ends. */
  onClose(): void;
}

const NOTHING = Buffer.alloc(0);

/** Frames over a socket. Those of one turn of the event loop are sent at once. */
export function openLink(socket: Socket, { onFrame, onClose }: LinkEvents): Link {
  let waiting: Buffer[] = [];
  let received: Buffer[] = [];
  let size = 0;
  let needed = HEADER;

  function flush(): void {
    const all = waiting;
    waiting = [];
    if (!socket.destroyed && all.length > 0) socket.write(Buffer.concat(all));
  }

  function send(kind: number, call: number, payload: Buffer = NOTHING): void {
    if (waiting.length === 0) setImmediate(flush);
    const header = Buffer.allocUnsafe(HEADER);
    header.writeUInt32BE(payload.length, 0);
    header.writeUInt8(kind, 4);
    header.writeUInt32BE(call, 5);
    waiting.push(header, payload);
  }

  function onData(chunk: Buffer): void {
    received.push(chunk);
    size += chunk.length;
    if (size < needed) return;
    const bytes = received.length === 1 ? chunk : Buffer.concat(received);
    let at = 0;
    for (needed = HEADER; bytes.length - at >= HEADER; needed = HEADER) {
      const length = bytes.readUInt32BE(at);
      if (length > MOST) {
        socket.destroy();
        return;
      }
      needed = HEADER + length;
      if (bytes.length - at < needed) break;
      onFrame(bytes.readUInt8(at + 4), bytes.readUInt32BE(at + 5), bytes.subarray(at + HEADER, at + needed));
      at += needed;
    }
    received = at === bytes.length ? [] : [bytes.subarray(at)];
    size = bytes.length - at;
  }

  socket.on('data', onData);
  socket.on('error', () => undefined);
  socket.once('close', onClose);
  return {
    send,
    sendJson: (kind, call, value) => send(kind, call, Buffer.from(JSON.stringify(value))),
    end() {
      flush();
      socket.end();
    },
  };
}
