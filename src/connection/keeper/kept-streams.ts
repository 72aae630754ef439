import type { Duplex } from 'node:stream';
import { onAbort } from '../abort.ts';
import type { Terminal } from '../terminal.ts';
import type { Borrowed } from './borrowed.ts';
import { FRAME } from './link.ts';
import { parse } from './messages.ts';
import type { CallRequest, EndAnswer } from './messages.ts';
import { remoteStream } from './remote-stream.ts';
import type { Call } from './line.ts';

interface Cancel {
  readonly signal: AbortSignal;
}

/** A stream that was opened, and how it ends. */
interface Opened {
  readonly stream: Duplex;
  readonly call: Call;
  /** What the keeper said of its end. */
  readonly ended: Promise<Buffer>;
}

/** Has a keeper forward to a port. */
export async function keptForward(borrowed: Borrowed, request: CallRequest, cancel: Cancel): Promise<Duplex> {
  return (await open(borrowed, request, cancel)).stream;
}

/** Has a keeper open a terminal. */
export async function keptTerminal(
  borrowed: Borrowed,
  request: CallRequest,
  { signal }: Cancel,
): Promise<Terminal> {
  const { stream, call, ended } = await open(borrowed, request, { signal });
  const hungUp = new Promise<never>((_resolve, reject) => {
    const stopListening = onAbort(signal, () => {
      reject(signal.reason as Error);
      stream.destroy(signal.reason as Error);
    });
    void ended.finally(stopListening).catch(() => undefined);
  });
  // Whoever only looks at it may have no interest in its end.
  stream.on('error', () => undefined);
  const end = Promise.race([ended.then((payload) => parse(payload) as EndAnswer), hungUp]);
  end.catch(() => undefined);
  return {
    input: stream,
    output: stream,
    resize: (size) => borrowed.link.sendJson(FRAME.resize, call.number, size),
    ended: end,
  };
}

async function open(borrowed: Borrowed, request: CallRequest, { signal }: Cancel): Promise<Opened> {
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    let isOpen = false;
    let settle: { end(payload: Buffer): void; fail(error: Error): void } | undefined;
    const ended = new Promise<Buffer>((end, fail) => (settle = { end, fail }));
    ended.catch(() => undefined);
    const call = borrowed.begin(
      request,
      {
        onFrame: (kind, payload) => remote.onFrame(kind, payload),
        onAnswer(payload) {
          if (!isOpen) {
            isOpen = true;
            stopListening();
            resolve({ stream: remote.stream, call, ended });
            return;
          }
          call.over();
          settle?.end(payload);
          remote.close();
        },
        onFailure: fail,
      },
      (error) => {
        call.cancel();
        fail(error);
      },
    );
    const remote = remoteStream(borrowed.link, call.number, () => call.cancel());
    const stopListening = onAbort(signal, () => {
      call.cancel();
      fail(signal.reason as Error);
    });
    function fail(error: Error): void {
      stopListening();
      call.over();
      settle?.fail(error);
      reject(error);
      if (isOpen) remote.close(error);
    }
  });
}
