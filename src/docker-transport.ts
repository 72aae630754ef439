import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import Docker from 'dockerode';
import type { DockerLocation } from './docker-location.ts';

/** One call of the engine's API. */
export interface DockerCall {
  /** For the counts: `ContainerCreate`. */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  /** Sign-in of a registry, as the API wants it. */
  readonly registry?: Readonly<Record<string, string>>;
}

/** The API of a container engine, by the library. Rejections are `DockerError`, or the signal's reason. */
export interface DockerTransport {
  readonly address: string;
  /** How often each call was made. */
  readonly calls: ReadonlyMap<string, number>;
  call(call: DockerCall, options: { readonly signal: AbortSignal }): Promise<unknown>;
  /** A call whose answer is a conversation; destroying the stream ends it. */
  converse(call: DockerCall, options: { readonly signal: AbortSignal }): Promise<Duplex>;
  /** A call that tells its progress line by line; resolves with all of them. */
  follow(call: DockerCall, options: { readonly signal: AbortSignal }): Promise<readonly unknown[]>;
  /** Builds an image from the files of a directory. */
  build(
    directory: { readonly path: string; readonly entries: readonly string[] },
    options: {
      readonly tag: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly unknown[]>;
  close(): void;
}

/** `status`: of HTTP; null: the engine could not be asked. */
export class DockerError extends Error {
  readonly status: number | null;

  constructor(message: string, status: number | null, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DockerError';
    this.status = status;
  }
}

const ACCEPTED = Object.fromEntries([101, 200, 201, 204, 304].map((status) => [status, true]));

/** Makes no call yet. */
export function openDockerTransport({ address, certificates }: DockerLocation): DockerTransport {
  const { docker, agent } = clientOf(address, certificates);
  const calls = new Map<string, number>();

  async function dial(
    { name, method, path, query = {}, body, registry }: DockerCall,
    kind: { readonly hijack?: boolean; readonly isStream?: boolean },
    signal: AbortSignal,
  ): Promise<unknown> {
    signal.throwIfAborted();
    setMaxListeners(0, signal);
    calls.set(name, (calls.get(name) ?? 0) + 1);
    try {
      return await new Promise((resolve, reject) => {
        docker.modem.dial(
          {
            path: `${path}?`,
            method,
            allowEmpty: true,
            ...kind,
            openStdin: kind.hijack ?? false,
            ...(registry && { authconfig: { ...registry } }),
            ...(!kind.hijack && { abortSignal: signal }),
            statusCodes: ACCEPTED,
            options: { _query: query, _body: body ?? {} },
          },
          (error, answer) => {
            if (error === null) resolve(answer);
            else reject(error);
          },
        );
      });
    } catch (error) {
      signal.throwIfAborted();
      throw dockerError(error, address);
    }
  }

  async function progressOf(stream: NodeJS.ReadableStream, signal: AbortSignal): Promise<readonly unknown[]> {
    try {
      return await new Promise((resolve, reject) => {
        docker.modem.followProgress(stream, (error, lines: unknown[]) => {
          if (error === null) resolve(lines);
          else reject(error);
        });
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new DockerError(messageOf(error), 500, { cause: error });
    }
  }

  return {
    address,
    calls,
    // Read here, because the library waits for ever for the rest of an answer that broke off.
    async call(call, { signal }) {
      const answer = (await dial(call, { isStream: true }, signal)) as IncomingMessage;
      let bytes;
      try {
        bytes = await buffer(answer);
      } catch (error) {
        signal.throwIfAborted();
        throw dockerError(error, address);
      }
      const isJson = answer.headers['content-type']?.includes('json') === true;
      return isJson && bytes.length > 0 ? (JSON.parse(bytes.toString('utf8')) as unknown) : bytes;
    },
    async converse(call, { signal }) {
      const stream = (await dial(call, { hijack: true, isStream: true }, signal)) as Duplex;
      if (signal.aborted) stream.on('error', () => undefined).destroy();
      signal.throwIfAborted();
      return stream;
    },
    async follow(call, { signal }) {
      const stream = await dial(call, { isStream: true }, signal);
      return await progressOf(stream as NodeJS.ReadableStream, signal);
    },
    async build({ path, entries }, { tag, labels, signal }) {
      signal.throwIfAborted();
      calls.set('ImageBuild', (calls.get('ImageBuild') ?? 0) + 1);
      let stream;
      try {
        stream = await docker.buildImage(
          { context: path, src: [...entries] },
          { t: tag, labels: { ...labels }, forcerm: true, abortSignal: signal },
        );
      } catch (error) {
        signal.throwIfAborted();
        throw dockerError(error, address);
      }
      return await progressOf(stream, signal);
    },
    close: () => agent.destroy(),
  };
}

/** Every setting is named, because the library takes those that are not from the environment. */
function clientOf(
  address: string,
  certificates: string | null,
): { readonly docker: Docker; readonly agent: Agent } {
  const url = new URL(address);
  const none = { host: undefined, port: undefined, socketPath: undefined, ca: undefined, cert: undefined };
  const settings = { ...none, key: undefined, timeout: undefined, protocol: 'http' as const };
  if (url.protocol === 'unix:') {
    const agent = new Agent({ keepAlive: true });
    return { docker: client({ ...settings, agent, socketPath: decodeURIComponent(url.pathname) }), agent };
  }
  const host = url.hostname;
  const place = { ...settings, host, port: url.port || '2375' };
  if (certificates === null) {
    const agent = new Agent({ keepAlive: true });
    return { docker: client({ ...place, agent }), agent };
  }
  const agent = new TlsAgent({ keepAlive: true });
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readPem(join(certificates, name)));
  if (ca === undefined && cert === undefined)
    throw new DockerError(`Cannot read the engine's certificates: there is none in "${certificates}"`, null);
  return { docker: client({ ...place, agent, ca, cert, key, protocol: 'https' }), agent };
}

function client(settings: object): Docker {
  return new Docker(settings);
}

/** Undefined where there is none: of the server's authority where that is well known, of ours where it wants none. */
function readPem(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DockerError(`Cannot read the engine's certificates: ${messageOf(error)}`, null, {
      cause: error,
    });
  }
}

function dockerError(error: unknown, address: string): DockerError {
  const { statusCode: status, json } = error as { readonly statusCode?: number; readonly json?: unknown };
  if (status === undefined) {
    const why = messageOf(error);
    return new DockerError(`Cannot reach the container engine at "${address}": ${why}`, null, {
      cause: error,
    });
  }
  const told = (json as { readonly message?: unknown } | null | undefined)?.message;
  const message = typeof told === 'string' ? told : messageOf(error);
  // What Podman says of a name that is taken.
  const isTaken = status === 500 && /\balready (?:in use|exists)\b/.test(message);
  return new DockerError(
    message.trim().replace(/^\(HTTP code \d+\) unexpected - /, ''),
    isTaken ? 409 : status,
    { cause: error },
  );
}

function messageOf(error: unknown): string {
  // Of TLS; its message is a line of OpenSSL's own log.
  const { code, reason } = error as NodeJS.ErrnoException & { readonly reason?: unknown };
  if (typeof reason === 'string' && code?.startsWith('ERR_SSL_') === true) return reason;
  const message = error instanceof Error ? error.message : String(error);
  return message === '' ? (code ?? 'it did not say why') : message;
}
