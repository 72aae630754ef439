import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Duplex } from 'node:stream';

import { ProviderError } from '../provider.ts';
import type { Cancel } from '../provider.ts';
import { ensureStateKey } from '../state-key.ts';
import { CONTROL_SUBSYSTEM, createLineReader } from './control.ts';
import type {
  ControlAddress,
  ControlAnswer,
  ControlAnswers,
  ControlReply,
  ControlRequest,
} from './control.ts';
import { isHosted, readControlAddress, startHostProcess } from './host-process.ts';
import { loginName } from './login.ts';
import { isRunning } from './processes.ts';

/** Talks to the host process of a state directory, and starts it when it is not there. */
export interface HostClient {
  /** Starts the host if need be. Rejects with `ProviderError` when it cannot be reached. */
  ask<K extends ControlRequest['kind']>(request: RequestOf<K>, cancel: Cancel): Promise<ControlAnswers[K]>;
  /** Undefined when no machine is recorded; starts the host otherwise. */
  askIfHosted<K extends ControlRequest['kind']>(
    request: RequestOf<K>,
    cancel: Cancel,
  ): Promise<ControlAnswers[K] | undefined>;
  /** Disconnects and waits until the host, which has nothing left to do, is gone. */
  outlast(cancel: Cancel): Promise<void>;
  close(): void;
}

type RequestOf<K extends ControlRequest['kind']> = Extract<ControlRequest, { readonly kind: K }>;

/** An open control channel. */
interface Link {
  readonly address: ControlAddress;
  call(request: ControlRequest): Promise<ControlAnswer>;
  /** Resolves when it is of no more use. */
  readonly lost: Promise<void>;
  close(): void;
}

/** Milliseconds within which a host must have been found or started. */
const REACH = 30_000;
const TRIES = 4;

/** The host went away before it answered. */
class LostError extends Error {}

export function createHostClient(stateDirectory: string, script: string): HostClient {
  const closing = new AbortController();
  let link: Promise<Link> | undefined;

  async function dial(): Promise<Link | undefined> {
    const address = await readControlAddress(stateDirectory);
    if (address === undefined) return undefined;
    const privateKey = await readFile(ensureStateKey(stateDirectory).privateKeyPath);
    try {
      const { openSubsystem } = await import('./ssh-server.ts');
      const server = { ...address, user: loginName() };
      const channel = await openSubsystem(server, {
        privateKey,
        name: CONTROL_SUBSYSTEM,
        signal: closing.signal,
      });
      return openLink(address, channel);
    } catch {
      // What a host left behind that was killed. Whether one lives is decided by the lock.
      closing.signal.throwIfAborted();
      return undefined;
    }
  }

  async function reach(): Promise<Link> {
    for (const deadline = Date.now() + REACH; Date.now() < deadline;) {
      const opened = await dial();
      if (opened !== undefined) return opened;
      // SSH takes as long to load as a host to start.
      const [started] = await Promise.all([
        startHostProcess(stateDirectory, script),
        import('./ssh-server.ts'),
      ]);
      if (started === 'busy') await delay(20, undefined, { signal: closing.signal });
    }
    throw new ProviderError('Cannot reach the host of local machines: it holds its lock and does not answer');
  }

  function connect(): Promise<Link> {
    const mine = reach();
    const forget = (): void => {
      if (link === mine) link = undefined;
    };
    link = mine;
    mine.then((opened) => opened.lost).then(forget, forget);
    return mine;
  }

  async function ask<K extends ControlRequest['kind']>(
    request: RequestOf<K>,
    { signal }: Cancel,
  ): Promise<ControlAnswers[K]> {
    for (let tries = 0; tries < TRIES; tries++) {
      signal.throwIfAborted();
      closing.signal.throwIfAborted();
      const opened = await unlessAborted(link ?? connect(), signal);
      try {
        return (await unlessAborted(opened.call(request), signal)) as ControlAnswers[K];
      } catch (error) {
        // Every request may be repeated: the host was killed, or had just ended.
        if (!(error instanceof LostError)) throw error;
      }
    }
    throw new ProviderError('Cannot reach the host of local machines: it ends again and again');
  }

  function close(): void {
    link?.then(
      (opened) => opened.close(),
      () => undefined,
    );
    link = undefined;
  }

  return {
    ask,
    async askIfHosted(request, cancel) {
      cancel.signal.throwIfAborted();
      return link !== undefined || isHosted(stateDirectory) ? ask(request, cancel) : undefined;
    },
    async outlast({ signal }) {
      const address = await (link === undefined
        ? readControlAddress(stateDirectory)
        : link.then((opened) => opened.address));
      close();
      if (address === undefined) return;
      while (
        (await readControlAddress(stateDirectory))?.pid === address.pid ||
        (address.pid !== process.pid && isRunning(address.pid))
      ) {
        await delay(5, undefined, { signal });
      }
    },
    close() {
      close();
      closing.abort(new ProviderError('Cannot ask the local provider: it was closed'));
    },
  };
}

function openLink(address: ControlAddress, channel: { readonly stream: Duplex; close(): void }): Link {
  const { stream } = channel;
  const calls = new Map<number, { resolve(answer: ControlAnswer): void; reject(error: Error): void }>();
  let numbers = 0;
  let open = true;
  stream.on(
    'data',
    createLineReader((line) => {
      const reply = JSON.parse(line) as ControlReply;
      const call = calls.get(reply.number);
      calls.delete(reply.number);
      if ('error' in reply) call?.reject(new ProviderError(reply.error));
      else call?.resolve(reply.answer);
    }),
  );
  const lost = new Promise<void>((resolve) => {
    const end = (): void => {
      open = false;
      resolve();
      channel.close();
      for (const call of calls.values()) call.reject(new LostError());
      calls.clear();
    };
    stream.once('close', end);
    stream.on('error', end);
  });
  return {
    address,
    lost,
    call(request) {
      return new Promise((resolve, reject) => {
        if (!open) {
          reject(new LostError());
          return;
        }
        const number = ++numbers;
        calls.set(number, { resolve, reject });
        stream.write(`${JSON.stringify({ number, request })}\n`);
      });
    },
    close: () => channel.close(),
  };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    // As many calls as an engine makes at a time share its signal.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
