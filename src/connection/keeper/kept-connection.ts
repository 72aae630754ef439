import type { Access } from '../../machine.ts';
import { onAbort } from '../abort.ts';
import { ConnectionError } from '../connection.ts';
import type { Connection } from '../connection.ts';
import { download } from '../download.ts';
import type { OpenOptions } from '../open-options.ts';
import { upload } from '../upload.ts';
import type { Borrowed } from './borrowed.ts';
import { keptExec } from './kept-exec.ts';
import { keptForward, keptTerminal } from './kept-streams.ts';
import type { Call, Line } from './line.ts';
import { parse } from './messages.ts';
import type { OpenAnswer } from './messages.ts';

/** Borrows a connection from a keeper; disposing of it gives it back. Rejects as opening one does. */
export async function openKept(
  line: Line,
  { access, machine }: { readonly access: Access; readonly machine: string },
  { signal, password, noPassword, onHostKey, onLost }: OpenOptions,
): Promise<Connection> {
  signal.throwIfAborted();
  const ends = new Map<number, (error: Error) => void>();
  let isOpen = false;
  let why: Error = new ConnectionError('lost', 'Cannot use a connection: it was given back');

  const loan = await new Promise<Call>((resolve, reject) => {
    const call = line.begin(
      {
        do: 'open',
        machine,
        access,
        ...(password !== undefined && { password }),
        ...(noPassword !== undefined && { noPassword }),
      },
      {
        onAnswer(payload) {
          stopListening();
          isOpen = true;
          const { hostKey } = parse(payload) as OpenAnswer;
          if (hostKey !== null) onHostKey(hostKey);
          resolve(call);
        },
        onFailure(error) {
          stopListening();
          reject(error);
          if (!isOpen) return;
          isOpen = false;
          why = error;
          onLost?.();
        },
      },
    );
    const stopListening = onAbort(signal, () => {
      call.cancel();
      reject(signal.reason as Error);
    });
  });

  const borrowed: Borrowed = {
    link: line.link,
    begin(request, events, end) {
      if (!isOpen) throw why;
      const call = line.begin(request, events);
      const leave = (): void => void ends.delete(call.number);
      ends.set(call.number, end);
      return {
        number: call.number,
        cancel() {
          leave();
          call.cancel();
        },
        over() {
          leave();
          call.over();
        },
      };
    },
  };

  const self: Connection = {
    ready: (options) => keptExec(borrowed, { do: 'ready', loan: loan.number }, options),
    exec: (command, options) =>
      keptExec(
        borrowed,
        { do: 'exec', loan: loan.number, command, hasInput: options.stdin !== undefined },
        options,
      ),
    upload: (files, options) => upload(self, files, options),
    download: (path, options) => download(self, path, options),
    forward: (target, options) =>
      keptForward(borrowed, { do: 'forward', loan: loan.number, ...target }, options),
    terminal: (terminal, options) =>
      keptTerminal(borrowed, { do: 'terminal', loan: loan.number, terminal }, options),
    [Symbol.asyncDispose]() {
      isOpen = false;
      for (const end of [...ends.values()]) end(why);
      loan.cancel();
      return Promise.resolve();
    },
  };
  return self;
}
