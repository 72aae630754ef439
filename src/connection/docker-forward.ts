import { once } from 'node:events';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { frameReader } from '../docker-frames.ts';
import { onAbort } from './abort.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { CONNECTED, NO_TOOL, tunnelWords } from './docker-tunnel.ts';
import { isOnLink } from './on-link.ts';

export interface ForwardParts {
  /** The container's own address. */
  readonly address: string;
  /** What else it is called by other containers. */
  readonly names: readonly string[];
  /** For messages. */
  readonly where: string;
  /** Begins a command in the container. */
  readonly begin: (
    words: readonly string[],
    signal: AbortSignal,
  ) => Promise<{ readonly id: string; readonly stream: Duplex }>;
  readonly exitCode: (id: string, signal: AbortSignal) => Promise<number>;
  /** Has the stream destroyed with the connection. */
  readonly adopt: (stream: Duplex) => void;
  /** Why the connection is over; undefined while it is not. */
  readonly lost: () => Error | undefined;
}

/** Milliseconds in which a container answers, where there is a route to it. */
const ROUTE_TIME = 1_000;
/** Milliseconds after which a program that does not say that it is connected, and has not ended, is. */
const SILENCE = 1_000;
const NEVER = new AbortController().signal;

/**
 * Streams to TCP ports as seen from a container. The container's own address is reached from here where this computer is
 * in its network; everything else by a program in the container.
 */
export function createDockerForward(parts: ForwardParts): Connection['forward'] {
  let hasRoute: boolean | undefined;

  async function direct(port: number, target: string, signal: AbortSignal): Promise<Duplex | undefined> {
    const socket = connect({ host: parts.address, port, noDelay: true, allowHalfOpen: true });
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(ROUTE_TIME)]);
    try {
      await once(socket, 'connect', { signal: timeout });
    } catch (error) {
      socket.on('error', () => undefined).destroy();
      signal.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') return undefined;
      const lost = parts.lost();
      throw lost ?? forwardError(target, parts.where, (error as Error).message);
    }
    parts.adopt(socket);
    return socket;
  }

  return async ({ host, port }, { signal }) => {
    signal.throwIfAborted();
    const lost = parts.lost();
    if (lost !== undefined) throw lost;
    const target = `${host}:${port}`;
    const isItself = host === parts.address || parts.names.includes(host);
    if (isItself && (hasRoute ??= isOnLink(parts.address))) {
      const stream = await direct(port, target, signal);
      if (stream !== undefined) return stream;
      hasRoute = false;
    }
    const { id, stream } = await parts.begin(tunnelWords(host, port), signal);
    return await tunnel({ id, exec: stream, target }, parts, signal);
  };
}

/** Resolves with the stream when the program in the container is connected. */
async function tunnel(
  { id, exec, target }: { readonly id: string; readonly exec: Duplex; readonly target: string },
  { where, lost, exitCode }: ForwardParts,
  signal: AbortSignal,
): Promise<Duplex> {
  let told = '';
  let settle: ((outcome: 'connected' | 'over') => void) | undefined;
  const settled = new Promise<'connected' | 'over'>((resolve) => {
    settle = resolve;
  });
  const stream = new Duplex({
    read: () => void exec.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (exec.destroyed || exec.write(chunk)) done();
      else {
        const go = (): void => {
          exec.off('drain', go).off('close', go);
          done();
        };
        exec.on('drain', go).on('close', go);
      }
    },
    final(done) {
      exec.end();
      done();
    },
    destroy(error, done) {
      exec.destroy();
      done(error);
    },
  });
  const read = frameReader(
    (chunk) => {
      settle?.('connected');
      if (!stream.push(chunk)) exec.pause();
    },
    (chunk) => {
      told += chunk.toString('utf8');
      if (told.includes(CONNECTED)) settle?.('connected');
    },
  );
  exec.on('data', read);
  exec.on('error', () => undefined);
  exec.once('end', () => exec.destroy());
  exec.once('close', () => {
    if (stream.destroyed) settle?.('over');
    else void closeAsItEnded();
  });
  /** The end of a stream is that of its program, or of the connection. */
  async function closeAsItEnded(): Promise<void> {
    try {
      // A peer that ends at once may do so before the program says anything.
      const code = await exitCode(id, NEVER);
      const failure = lost();
      if (failure !== undefined) throw failure;
      settle?.(code === 0 ? 'connected' : 'over');
      stream.once('end', () => stream.destroy());
      stream.push(null);
    } catch (error) {
      settle?.('over');
      stream.destroy(error as Error);
    }
  }
  const timer = setTimeout(() => settle?.('connected'), SILENCE);
  const stopListening = onAbort(signal, () => settle?.('over'));
  const outcome = await settled;
  clearTimeout(timer);
  stopListening();
  if (outcome === 'connected' && !signal.aborted) return stream;
  stream.on('error', () => undefined).destroy();
  signal.throwIfAborted();
  const why = told.trim().split('\n').at(-1) ?? '';
  throw lost() ?? forwardError(target, where, why === NO_TOOL ? noTool() : why);
}

function noTool(): string {
  return 'nothing that can do it is in the image, which needs one of perl, python3, nc, socat or bash';
}

function forwardError(target: string, where: string, why: string): ConnectionError {
  const said = why === '' ? 'it was refused' : why;
  return new ConnectionError('failed', `Cannot reach ${target} from container "${where}": ${said}`);
}
