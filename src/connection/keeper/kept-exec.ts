import type { Writable } from 'node:stream';
import { onAbort } from '../abort.ts';
import type { ExecOptions, ExecResult } from '../connection.ts';
import { onFailure as onSinkFailure } from '../transfer-output.ts';
import { createIntake, createSender, senderStream } from './flow.ts';
import type { Place } from './flow.ts';
import type { Borrowed } from './borrowed.ts';
import { FRAME } from './link.ts';
import { parse } from './messages.ts';
import type { CallRequest, EndAnswer } from './messages.ts';

/** Where one stream of a command goes. */
interface Outlet {
  readonly sink: Writable | undefined;
  readonly listener: ((chunk: Buffer) => void) | undefined;
}

/** Has a keeper run a command, feeds it and takes what it prints. */
export async function keptExec(
  { begin, link }: Borrowed,
  request: CallRequest,
  { signal, stdin, onStdout, onStderr, stdout, stderr }: ExecOptions,
): Promise<ExecResult> {
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const kept: [Buffer[], Buffer[]] = [[], []];
    const call = begin(
      request,
      {
        onFrame(kind, payload) {
          if (kind === FRAME.taken) sender.taken(payload.readUInt32BE());
          else if (kind > FRAME.bytes && kind <= FRAME.bytes + 2) outlets[kind - FRAME.bytes - 1]?.(payload);
        },
        onAnswer(payload) {
          leave();
          call.over();
          const end = parse(payload) as EndAnswer;
          resolve({ ...end, stdout: Buffer.concat(kept[0]), stderr: Buffer.concat(kept[1]) });
        },
        onFailure(error) {
          leave();
          reject(error);
        },
      },
      cancel,
    );
    const place = { link, call: call.number };
    const sender = createSender({ ...place, stream: 0 });
    const outlets = [
      outletOf({ ...place, stream: 1 }, { sink: stdout, listener: onStdout }, kept[0]),
      outletOf({ ...place, stream: 2 }, { sink: stderr, listener: onStderr }, kept[1]),
    ];
    const stopListening = onAbort(signal, () => cancel(signal.reason as Error));
    const stopWatching = onSinkFailure([stdout, stderr], cancel);
    const stopFeeding = feed(sender, stdin, cancel);

    function leave(): void {
      stopListening();
      stopWatching();
      stopFeeding();
      sender.stop();
    }
    function cancel(error: Error): void {
      leave();
      call.cancel();
      reject(error);
    }
  });
}

/** Takes a chunk; it counts as read when the sink takes more. */
function outletOf(place: Place, { sink, listener }: Outlet, kept: Buffer[]): (chunk: Buffer) => void {
  const intake = createIntake(place);
  let owed = 0;
  let isFull = false;
  return (chunk) => {
    if (sink === undefined) {
      if (listener === undefined) kept.push(chunk);
      else listener(chunk);
      intake.read(chunk.length);
      return;
    }
    owed += chunk.length;
    if (!sink.write(chunk) && !isFull) {
      isFull = true;
      sink.once('drain', () => {
        isFull = false;
        settle();
      });
    }
    settle();
  };
  function settle(): void {
    if (isFull) return;
    intake.read(owed);
    owed = 0;
  }
}

function feed(
  sender: ReturnType<typeof createSender>,
  stdin: ExecOptions['stdin'],
  cancel: (error: Error) => void,
): () => void {
  if (stdin === undefined) return () => undefined;
  if (typeof stdin === 'string' || Buffer.isBuffer(stdin)) {
    sender.write(Buffer.from(stdin), () => sender.end());
    return () => undefined;
  }
  const input = senderStream(sender);
  stdin.once('error', cancel);
  stdin.pipe(input);
  return () => {
    stdin.unpipe(input);
    stdin.off('error', cancel);
  };
}
