import { finished } from 'node:stream/promises';
import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../../pseudo-terminal.ts';
import { ConnectionError } from '../connection.ts';
import type { Connection } from '../connection.ts';
import { arrivalStream, createSender, senderStream } from './flow.ts';
import type { ArrivalStream, Sender } from './flow.ts';
import { FRAME } from './link.ts';
import type { Link, StreamNumber } from './link.ts';
import { failureOf, parse } from './messages.ts';
import type { CallRequest, EndAnswer } from './messages.ts';

/** A call as the keeper serves it. */
export interface ServedCall {
  onFrame(kind: number, payload: Buffer): void;
  /** The client wants no more of it, or is gone. */
  cancel(): void;
}

/** Does over a connection what a client asks for, and tells it what came of it. `over` is called at the end. */
export function serveCall(
  request: CallRequest,
  connection: Connection,
  { link, call }: { readonly link: Link; readonly call: number },
  over: () => void,
): ServedCall {
  const cancelled = new AbortController();
  const { signal } = cancelled;
  const senders = new Map<number, Sender>();
  let input: ArrivalStream | undefined;
  let resize: ((size: TerminalSize) => void) | undefined;

  function output(stream: StreamNumber): Writable {
    const sender = createSender({ link, call, stream });
    senders.set(stream, sender);
    return senderStream(sender);
  }
  function arriving(): Readable {
    input = arrivalStream({ link, call, stream: 0 });
    return input.readable;
  }
  function answer(value: unknown): void {
    link.sendJson(FRAME.answer, call, value);
  }

  async function perform(): Promise<EndAnswer | Record<string, never>> {
    switch (request.do) {
      case 'ready': {
        const outputs = [output(1), output(2)];
        const { exitCode, exitSignal, stdout, stderr } = await connection.ready({ signal });
        outputs[0]?.write(stdout);
        outputs[1]?.write(stderr);
        await allSent(outputs);
        return { exitCode, exitSignal };
      }
      case 'exec': {
        const [stdout, stderr] = [output(1), output(2)];
        const { exitCode, exitSignal } = await connection.exec(request.command, {
          signal,
          stdout,
          stderr,
          ...(request.hasInput && { stdin: arriving() }),
        });
        await allSent([stdout, stderr]);
        return { exitCode, exitSignal };
      }
      case 'forward': {
        const stream = await connection.forward(request, { signal });
        signal.addEventListener('abort', () => stream.destroy(), { once: true });
        const sent = output(1);
        arriving().pipe(stream).pipe(sent);
        answer({});
        try {
          await closed(stream);
        } finally {
          await allSent([sent]);
        }
        return {};
      }
      case 'terminal': {
        const terminal = await connection.terminal?.(request.terminal, { signal });
        if (terminal === undefined)
          throw new ConnectionError('failed', 'Cannot open a terminal: it has none');
        const { resize: change } = terminal;
        resize = change;
        const sent = output(1);
        // Why it broke is told by its end.
        terminal.output.on('error', () => undefined);
        terminal.input.on('error', () => undefined);
        terminal.output.pipe(sent);
        arriving().pipe(terminal.input);
        answer({});
        try {
          return await terminal.ended;
        } finally {
          await allSent([sent]);
        }
      }
      default:
        return request satisfies never;
    }
  }

  perform()
    .then(answer, (error: unknown) => link.sendJson(FRAME.failure, call, failureOf(error)))
    .finally(() => {
      input?.readable.destroy();
      senders.forEach((sender) => sender.stop());
      over();
    });

  return {
    onFrame(kind, payload) {
      if (kind === FRAME.bytes) input?.push(payload);
      else if (kind === FRAME.end) input?.end();
      else if (kind === FRAME.resize) resize?.(parse(payload) as TerminalSize);
      else if (kind > FRAME.taken && kind <= FRAME.taken + 2)
        senders.get(kind - FRAME.taken)?.taken(payload.readUInt32BE());
    },
    cancel() {
      senders.forEach((sender) => sender.stop());
      cancelled.abort(new ConnectionError('failed', 'Cannot go on: nobody wants it any more'));
    },
  };
}

async function allSent(outputs: readonly Writable[]): Promise<void> {
  await Promise.all(
    outputs.map((output) => {
      output.end();
      return finished(output);
    }),
  );
}

/** Resolves when a stream is closed, rejects when it fails. */
function closed(stream: NodeJS.ReadableStream & NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject).once('close', resolve);
  });
}
