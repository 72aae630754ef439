import { ConnectionError } from '../connection.ts';
import { hail } from './hail.ts';
import type { Hailed } from './hail.ts';
import { startKeeperProcess } from './keeper-process.ts';
import { FRAME } from './link.ts';
import type { Link } from './link.ts';
import { errorOf, parse } from './messages.ts';
import type { Failure, Hello, Request } from './messages.ts';
import { placeProblem } from './place.ts';
import type { KeeperPlace } from './place.ts';

/** A keeper that serves this process. */
export interface Line {
  readonly link: Link;
  /** Asks for something. */
  begin(request: Request, events: CallEvents): Call;
}

/** A call under way. */
export interface Call {
  readonly number: number;
  /** Nothing more of it is of interest; the keeper ends what it does for it. */
  cancel(): void;
  /** The last of it was heard. */
  over(): void;
}

export interface CallEvents {
  onAnswer(payload: Buffer): void;
  /** The call is over with this. */
  onFailure(error: Error): void;
  /** Bytes, ends, and what the other end has read. */
  onFrame?(kind: number, payload: Buffer): void;
}

export interface LineOptions {
  readonly place: KeeperPlace;
  readonly hello: Hello;
  /** Told when the keeper is gone. */
  readonly onGone: () => void;
}

/** How often a keeper is looked for that ends in that moment. */
const TRIES = 4;

/** Undefined: there is no keeper. Rejects with an `Error` when it cannot be trusted, or does not answer. */
export async function findKeeper(options: LineOptions): Promise<Line | undefined> {
  const { line } = await tryToReach(options);
  return line;
}

/** Finds the keeper of a state directory, or starts one. Rejects with an `Error`. */
export async function reachKeeper(
  options: LineOptions,
  { stateDirectory, script }: { readonly stateDirectory: string; readonly script: string },
): Promise<Line> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const { line } = await tryToReach(options);
    if (line !== undefined) return line;
    await startKeeperProcess(stateDirectory, script);
  }
  throw new Error('it ends again and again');
}

async function tryToReach({ place, hello, onGone }: LineOptions): Promise<{ readonly line?: Line }> {
  const problem = placeProblem(place.directory);
  if (problem !== undefined) throw new Error(problem);
  const calls = new Map<number, CallEvents>();
  let numbers = 0;
  let isGone = false;

  function onFrame(kind: number, number: number, payload: Buffer): void {
    const call = calls.get(number);
    if (call === undefined) return;
    if (kind === FRAME.answer) call.onAnswer(payload);
    else if (kind === FRAME.failure) {
      calls.delete(number);
      call.onFailure(errorOf(parse(payload) as Failure));
    } else call.onFrame?.(kind, payload);
  }

  function lost(): ConnectionError {
    return new ConnectionError(
      'lost',
      'Cannot go on with a machine: the process that kept its connection is gone',
    );
  }

  const found: Hailed = await hail(place.socket, hello, {
    onFrame,
    onGone() {
      isGone = true;
      onGone();
      const all = [...calls.values()];
      calls.clear();
      for (const call of all) call.onFailure(lost());
    },
  });
  if (found.kind !== 'welcome') return {};
  const { link } = found;
  return {
    line: {
      link,
      begin(request, events) {
        const number = (numbers += 1);
        calls.set(number, events);
        if (isGone) queueMicrotask(() => calls.delete(number) && events.onFailure(lost()));
        else link.sendJson(FRAME.request, number, request);
        return {
          number,
          cancel() {
            calls.delete(number);
            link.send(FRAME.cancel, number);
          },
          over: () => void calls.delete(number),
        };
      },
    },
  };
}
