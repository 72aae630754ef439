import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { openDockerEngine } from '../docker-engine.ts';
import type { DockerEngine, ExecCommand } from '../docker-engine.ts';
import { dockerAt } from '../docker-location.ts';
import { DockerError } from '../docker-transport.ts';
import { PlanError } from '../errors.ts';
import type { DockerAccess } from '../machine.ts';
import { abortable } from './abort.ts';
import { ConnectionError } from './connection.ts';
import type { Connection, ExecOptions, ExecResult } from './connection.ts';
import { conversation } from './docker-conversation.ts';
import { createDockerForward } from './docker-forward.ts';
import { AWAIT_SIZE, dockerTerminal, hangUpCommand, terminalMark } from './docker-terminal.ts';
import { download } from './download.ts';
import { LOGIN_SHELL } from './login-shell.ts';
import type { OpenOptions } from './open-options.ts';
import { createSemaphore } from './semaphore.ts';
import { upload } from './upload.ts';

/** Exit code of a command that SIGKILL ended: an engine tells of signals by exit codes only. */
const KILLED = 137;
/** Milliseconds within which the engine tells of the end of a container whose commands were ended with it. */
const DYING = 1_000;

/** Milliseconds between two looks at a command that closed its outputs and goes on. */
const FIRST_PAUSE = 2;
const LONGEST_PAUSE = 250;

/** Milliseconds that hanging up on a terminal may take. */
const HANGING_UP = 2_000;

/** Commands at the same time: an engine begins more of them more slowly. */
const COMMANDS = 8;

/** What a login does before its command: an engine tells only of HOME, and the working directory may be anywhere. */
const LOGIN = `[ -n "\${HOME-}" ] || export HOME=/root
[ -n "\${USER-}" ] || USER=$(id -un 2>/dev/null) || unset USER
[ -z "\${USER-}" ] || export USER LOGNAME="$USER"
[ -n "\${SHELL-}" ] || export SHELL=/bin/sh
cd 2>/dev/null || cd /
`;

/** Runs commands in a container that runs. It is lost when the container ends, or the engine. */
export async function openDocker(
  access: DockerAccess,
  { signal, onLost }: Pick<OpenOptions, 'signal' | 'onLost'>,
): Promise<Connection> {
  signal.throwIfAborted();
  const engine = await engineOf(access);
  try {
    const names = await namesOf(engine, access, signal);
    return dockerConnection(engine, access, names, onLost);
  } catch (error) {
    engine.close();
    throw error;
  }
}

async function engineOf({ engine }: DockerAccess): Promise<DockerEngine> {
  try {
    return openDockerEngine(await dockerAt(engine));
  } catch (error) {
    if (error instanceof DockerError || error instanceof PlanError)
      throw new ConnectionError('authentication', error.message, { cause: error });
    throw error;
  }
}

/** The names and addresses of a container that runs. */
async function namesOf(
  engine: DockerEngine,
  { container }: DockerAccess,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const where = short(container);
  try {
    const facts = await engine.container(container, { signal });
    if (facts === null)
      throw new ConnectionError('unreachable', `Cannot connect to container "${where}": there is none`);
    if (facts.state !== 'running')
      throw new ConnectionError(
        'unreachable',
        `Cannot connect to container "${where}": it is ${facts.state}`,
      );
    return facts.names;
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    throw new ConnectionError('unreachable', error.message, { cause: error });
  }
}

function dockerConnection(
  engine: DockerEngine,
  access: DockerAccess,
  names: readonly string[],
  onLost: (() => void) | undefined,
): Connection {
  const { container, user } = access;
  const where = short(container);
  const over = new AbortController();
  const streams = new Set<Duplex>();
  const commands = createSemaphore(COMMANDS);
  let state: 'open' | 'closing' | 'lost' = 'open';

  function lostError(): ConnectionError {
    const why = state === 'closing' ? 'it was closed' : 'the container or its engine ended';
    return new ConnectionError(
      'lost',
      `Cannot go on with container "${where}": the connection is lost, ${why}`,
    );
  }
  function end(as: 'closing' | 'lost'): void {
    if (state !== 'open') return;
    state = as;
    over.abort(lostError());
    streams.forEach((stream) => stream.destroy(lostError()));
    engine.close();
    if (as === 'lost') onLost?.();
  }
  function isOpen(): boolean {
    return state === 'open';
  }

  // The one call that is always under way: its end tells of the container's, and of the engine's.
  const watching = engine.untilOver(container, { signal: over.signal }).then(
    () => end('lost'),
    () => end('lost'),
  );

  /** Begins a command; `what` is for messages. */
  async function begin(command: Omit<ExecCommand, 'user'>, what: string, signal: AbortSignal) {
    if (!isOpen()) throw lostError();
    try {
      const begun = await engine.exec(container, { ...command, user }, { signal });
      streams.add(begun.stream);
      begun.stream.on('error', () => undefined);
      begun.stream.once('close', () => streams.delete(begun.stream));
      if (isOpen()) return begun;
      begun.stream.destroy();
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      if (error.status !== null && error.status !== 404 && error.status !== 409 && isOpen())
        throw new ConnectionError('failed', `Cannot ${what} in container "${where}": ${error.message}`, {
          cause: error,
        });
      end('lost');
    }
    throw lostError();
  }

  async function exitCode(exec: string, signal: AbortSignal): Promise<number> {
    try {
      for (let pause = FIRST_PAUSE; ; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
        const code = await engine.exitCode(exec, { signal });
        if (code !== null) return code;
        await abortable(delay(pause), AbortSignal.any([signal, over.signal]));
      }
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      end('lost');
      throw lostError();
    }
  }

  async function exec(command: string, options: ExecOptions): Promise<ExecResult> {
    const { signal } = options;
    const release = await commands.acquire(signal);
    try {
      return await execNow(command, options);
    } finally {
      release();
    }
  }

  async function execNow(command: string, options: ExecOptions): Promise<ExecResult> {
    const { signal, stdin } = options;
    const words = ['/bin/sh', '-c', LOGIN + command];
    const takesInput = stdin !== undefined;
    const { id, stream } = await begin({ words, takesInput }, 'run a command', signal);
    const { stdout, stderr } = await conversation(stream, options);
    signal.throwIfAborted();
    if (!isOpen()) throw lostError();
    const code = await exitCode(id, signal);
    // A container that is ended takes its commands along: what looks like their end is the machine's.
    if (code === KILLED) await Promise.race([watching, delay(DYING, undefined, { ref: false })]);
    if (!isOpen()) throw lostError();
    return { exitCode: code, exitSignal: null, stdout, stderr };
  }

  const self: Connection = {
    ready: (options) => exec(':', options),
    exec,
    upload: (files, { signal }) => upload(self, files, { signal }),
    download: (path, { signal }) => download(self, path, { signal }),
    forward: createDockerForward({
      address: access.address,
      names,
      where,
      begin: (words, signal) => begin({ words, takesInput: true }, 'forward', signal),
      exitCode,
      adopt(stream) {
        streams.add(stream);
        stream.once('close', () => streams.delete(stream));
      },
      lost: () => (isOpen() ? undefined : lostError()),
    }),
    async terminal({ command, term, ...size }, { signal }) {
      const mark = terminalMark();
      const words = ['/bin/sh', '-c', AWAIT_SIZE + LOGIN + (command ?? LOGIN_SHELL)];
      const asked = { words, takesInput: true, terminal: size, environment: [`TERM=${term}`, mark] };
      const { id, stream } = await begin(asked, 'open a terminal', signal);
      const resize = (to: typeof size): Promise<void> => engine.resize(id, to, { signal });
      const terminal = dockerTerminal({
        stream,
        signal,
        resize,
        exitCode: (cancel) => exitCode(id, cancel),
        hangUp: () => exec(hangUpCommand(mark), { signal: AbortSignal.timeout(HANGING_UP) }),
        lost: () => (isOpen() ? undefined : lostError()),
      });
      // Older engines do not take the size together with the command.
      terminal.resize(size);
      return terminal;
    },
    async [Symbol.asyncDispose]() {
      end('closing');
      await watching;
    },
  };
  return self;
}

function short(container: string): string {
  return container.slice(0, 12);
}
