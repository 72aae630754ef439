import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import type { Duplex } from 'node:stream';
import { childSignal } from '../child-signal.ts';
import type { ChildSignal } from '../child-signal.ts';
import type { ProcessAccess } from '../machine.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import type { OpenOptions } from './open-options.ts';
import { runProcess } from './process-command.ts';
import { callersEnvironment, processEnvironment } from './process-environment.ts';
import { readOne, writeFiles } from './process-files.ts';
import { connectTcp } from './process-forward.ts';
import { processTerminal } from './process-terminal.ts';

/**
 * Commands run as processes of this computer, in the directory of the access, with the environment that the caller has
 * now. It never breaks, so `onLost` is never told.
 */
export async function openProcess(
  { directory }: ProcessAccess,
  { signal }: Pick<OpenOptions, 'signal'>,
): Promise<Connection> {
  signal.throwIfAborted();
  if (!(await isDirectory(directory)))
    throw new ConnectionError('unreachable', `Cannot work in "${directory}": there is no such directory`);
  const place = { directory, environment: processEnvironment(process.env, directory) };
  const people = { directory, environment: callersEnvironment(process.env) };
  const roots = { directory, home: homedir() };
  const running = new Set<ChildSignal>();
  const streams = new Set<Duplex>();
  const closed = new ConnectionError('lost', `Cannot go on in "${directory}": the connection was closed`);
  let isOpen = true;

  /** Whatever is under way when the connection is disposed of is lost. */
  async function underWay<T>(
    outer: AbortSignal,
    act: (options: { readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    if (!isOpen) throw closed;
    using both = childSignal(outer);
    running.add(both);
    try {
      return await act(both);
    } finally {
      running.delete(both);
    }
  }

  function over(both: ChildSignal): void {
    running.delete(both);
    both[Symbol.dispose]();
  }

  const exec: Connection['exec'] = (command, options) =>
    underWay(options.signal, ({ signal: both }) => runProcess(command, { ...options, signal: both }, place));

  return {
    ready: (options) => exec(':', options),
    exec,
    upload: (files, options) => underWay(options.signal, (both) => writeFiles(files, roots, both)),
    download: (path, options) => underWay(options.signal, (both) => readOne(path, roots, both)),
    async forward(target, options) {
      const stream = await underWay(options.signal, (both) => connectTcp(target, both));
      streams.add(stream);
      stream.once('close', () => streams.delete(stream));
      return stream;
    },
    async terminal(request, options) {
      if (!isOpen) throw closed;
      const both = childSignal(options.signal);
      running.add(both);
      try {
        const terminal = processTerminal(request, both, people);
        void terminal.ended.catch(() => undefined).finally(() => over(both));
        return await Promise.resolve(terminal);
      } catch (error) {
        over(both);
        throw error;
      }
    },
    [Symbol.asyncDispose]() {
      isOpen = false;
      for (const one of running) one.abort(closed);
      for (const stream of streams) stream.destroy(closed);
      return Promise.resolve();
    },
  };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
