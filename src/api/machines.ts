import type { Duplex, Readable } from 'node:stream';
import type { Connection, ExecResult, RemoteFile } from '../connection/connection.ts';
import type { Machine } from '../machine.ts';
import type { SelectableMachine } from '../selector.ts';
import { selectableMachines } from '../state/selectable.ts';
import type { InputOptions } from './given-inputs.ts';
import { inputSource } from './given-inputs.ts';
import type { Reach } from './reach.ts';
import { openReach } from './reach.ts';
import type { Selector } from './select.ts';
import { select } from './select.ts';
import type { Session } from './session.ts';
import { createShared } from './shared.ts';
import type { Shared } from './shared.ts';

export type { ExecResult, RemoteFile } from '../connection/connection.ts';

export interface MachinesOptions extends InputOptions {
  /** Ends what goes on, the iteration and the work on machines. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for a connection. Default: 30,000. */
  readonly connectTimeout?: number | undefined;
}

export interface WorkOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ExecOptions extends WorkOptions {
  readonly stdin?: Buffer | string | Readable | undefined;
  /** Told what is printed as it comes; the result's own buffer stays empty then. */
  readonly onStdout?: ((chunk: Buffer) => void) | undefined;
  readonly onStderr?: ((chunk: Buffer) => void) | undefined;
}

/**
 * A machine that can be reached. Its connection is opened when it is first needed, and closed after the iteration that
 * it comes from and all work on machines of it; work that begins later opens it again. All work rejects with
 * `OperationError` when the machine cannot be reached or the connection breaks, and with the signal's reason.
 */
export interface RunningMachine extends SelectableMachine {
  /** Runs a command line with the login user's shell. Resolves whatever the exit code. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  /** Writes files: under a temporary name, then by renaming; parents are made. */
  upload(files: readonly RemoteFile[], options?: WorkOptions): Promise<void>;
  /** The bytes of one file. */
  download(path: string, options?: WorkOptions): Promise<Buffer>;
  /**
   * A stream to a TCP port as seen from the machine; `host` is 127.0.0.1 unless it is given. The connection stays open
   * until the stream is closed.
   */
  forward(
    target: number | { readonly host?: string | undefined; readonly port: number },
    options?: WorkOptions,
  ): Promise<Duplex>;
}

interface Reached {
  readonly reach: Shared<Reach>;
  readonly connectTimeout: number;
  readonly signal: AbortSignal;
}

/** Yields the machines of a deployment that are selected and running, in the order of the plan. */
export async function* iterateMachines(
  session: Session,
  deployment: string,
  selector: Selector,
  { signal, connectTimeout = 30_000, ...inputs }: MachinesOptions & { readonly signal: AbortSignal },
): AsyncGenerator<RunningMachine, void, undefined> {
  const source = inputSource(session, inputs);
  const reach = createShared(() => openReach(session, deployment, source));
  await using held = await hold(reach);
  const { state } = held;
  const names = new Set(select(selector, state));
  for (const selectable of selectableMachines(state)) {
    const machine = state.machines.get(selectable.name);
    if (machine === undefined || !names.has(selectable.name) || !isRunning(machine)) continue;
    signal.throwIfAborted();
    yield runningMachine(selectable, machine, { reach, connectTimeout, signal });
  }
}

/** Keeps what is shared open until it is disposed of. */
function hold(reach: Shared<Reach>): Promise<AsyncDisposable & { readonly state: Reach['state'] }> {
  return new Promise((done, fail) => {
    const using = reach.use(
      ({ state }) =>
        new Promise<void>((release) => {
          done({
            state,
            [Symbol.asyncDispose]: async () => {
              release();
              await using;
            },
          });
        }),
    );
    using.catch(fail);
  });
}

function isRunning({ id, access, stage }: Machine): boolean {
  return id !== null && access !== null && stage !== 'gone';
}

function runningMachine(
  selectable: SelectableMachine,
  machine: Machine,
  { reach, connectTimeout, signal: outer }: Reached,
): RunningMachine {
  return {
    ...selectable,
    exec: (command, { stdin, onStdout, onStderr, signal } = {}) =>
      use(signal, (connection, joint) =>
        connection.exec(command, {
          signal: joint,
          ...(stdin !== undefined && { stdin }),
          ...(onStdout !== undefined && { onStdout }),
          ...(onStderr !== undefined && { onStderr }),
        }),
      ),
    upload: (files, { signal } = {}) =>
      use(signal, (connection, joint) => connection.upload(files, { signal: joint })),
    download: (path, { signal } = {}) =>
      use(signal, (connection, joint) => connection.download(path, { signal: joint })),
    forward(target, { signal } = {}) {
      const { host = '127.0.0.1', port } = typeof target === 'number' ? { port: target } : target;
      return new Promise((done, fail) => {
        use(signal, async (connection, joint) => {
          const stream = await connection.forward({ host, port }, { signal: joint });
          const closed = new Promise<void>((close) => stream.once('close', close));
          done(stream);
          await closed;
        }).catch(fail);
      });
    },
  };

  function use<T>(
    own: AbortSignal | undefined,
    work: (connection: Connection, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const signal = own === undefined ? outer : AbortSignal.any([own, outer]);
    return reach.use((opened) =>
      opened.use(machine, { signal, connectTimeout }, (connection) => work(connection, signal)),
    );
  }
}
