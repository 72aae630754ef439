import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from './errors.ts';

/** Where an engine that speaks Docker's API listens. */
export interface DockerLocation {
  /** `unix:///var/run/docker.sock`, `tcp://10.0.0.5:2376`. */
  readonly address: string;
  /** Directory of `ca.pem`, `cert.pem` and `key.pem`; null: it is spoken to without TLS. */
  readonly certificates: string | null;
}

/** What the answer depends on. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Sockets of an engine, the likeliest first; default: those of Docker and Podman. */
  readonly sockets?: readonly string[];
}

interface Context {
  readonly name: string;
  readonly location: DockerLocation;
}

const TLS_PORT = '2376';

export function ownSurroundings(): Surroundings {
  return { environment: process.env, home: homedir() };
}

/**
 * Finds the engine as the `docker` command does: what is wanted, `DOCKER_HOST`, the current context, a socket of Docker,
 * one of Podman. Rejects with `UsageError` for a context that does not exist and an address that is none, or one of SSH.
 */
export async function locateDocker(
  wanted: { readonly host: string | null; readonly context: string | null },
  surroundings: Surroundings = ownSurroundings(),
): Promise<DockerLocation> {
  const { environment } = surroundings;
  if (wanted.host !== null) return await dockerAt(wanted.host, surroundings);
  const host = environment['DOCKER_HOST'] ?? '';
  if (wanted.context === null && host !== '') return fromEnvironment(addressOf(host), surroundings);
  const name = wanted.context ?? (environment['DOCKER_CONTEXT'] || (await currentContext(surroundings)));
  if (name !== '' && name !== 'default') {
    const { location } = await contextCalled(name, surroundings);
    return { ...location, address: addressOf(location.address) };
  }
  const sockets = surroundings.sockets ?? usualSockets(surroundings);
  const socket = sockets.find((path) => existsSync(path)) ?? sockets[0] ?? '';
  return { address: `unix://${socket}`, certificates: null };
}

/** The engine of an address that is known: the certificates are those of the context that names it, or the environment's. */
export async function dockerAt(
  address: string,
  surroundings: Surroundings = ownSurroundings(),
): Promise<DockerLocation> {
  const known = addressOf(address);
  if (known.startsWith('unix:')) return { address: known, certificates: null };
  const contexts = await allContexts(surroundings);
  const context = contexts.find(({ location }) => location.address === known);
  return context?.location ?? fromEnvironment(known, surroundings);
}

function fromEnvironment(address: string, surroundings: Surroundings): DockerLocation {
  const { environment } = surroundings;
  const isTls =
    address.startsWith('tcp:') &&
    ((environment['DOCKER_TLS_VERIFY'] ?? '') !== '' || new URL(address).port === TLS_PORT);
  const directory = environment['DOCKER_CERT_PATH'] || configDirectory(surroundings);
  return { address, certificates: isTls ? directory : null };
}

function addressOf(text: string): string {
  const address = text.includes('://') ? text : `tcp://${text}`;
  if (address.startsWith('ssh:')) {
    const to = address.slice('ssh://'.length).replace(/\/.*/, '') || 'user@host';
    throw new UsageError(
      `Cannot use the container engine at "${text}": an engine is not reached through SSH`,
      `Forward its socket with "ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ssh://${to}" and use unix:///tmp/docker.sock.`,
    );
  }
  if (!/^(?:unix:\/\/\/|tcp:\/\/[^/])/.test(address) || !URL.canParse(address))
    throw new UsageError(
      `Cannot use the container engine at "${text}": it is not an address`,
      'Write unix:///var/run/docker.sock or tcp://10.0.0.5:2376.',
    );
  return address;
}

function usualSockets({ environment, home }: Surroundings): readonly string[] {
  const runtime = environment['XDG_RUNTIME_DIR'] ?? '';
  return [
    '/var/run/docker.sock',
    join(home, '.docker', 'run', 'docker.sock'),
    ...(runtime === '' ? [] : [join(runtime, 'docker.sock'), join(runtime, 'podman', 'podman.sock')]),
    '/run/podman/podman.sock',
  ];
}

function configDirectory({ environment, home }: Surroundings): string {
  return environment['DOCKER_CONFIG'] || join(home, '.docker');
}

async function currentContext(surroundings: Surroundings): Promise<string> {
  const config = await readJson(join(configDirectory(surroundings), 'config.json'));
  const name = (config as { readonly currentContext?: unknown } | undefined)?.currentContext;
  return typeof name === 'string' ? name : '';
}

async function contextCalled(name: string, surroundings: Surroundings): Promise<Context> {
  const contexts = await allContexts(surroundings);
  const found = contexts.find((context) => context.name === name);
  if (found !== undefined) return found;
  const known = contexts.map((context) => context.name).toSorted();
  throw new UsageError(
    `Cannot use the Docker context "${name}": there is none of this name`,
    known.length === 0 ? 'Make it with "docker context create".' : `There are: ${known.join(', ')}.`,
  );
}

async function allContexts(surroundings: Surroundings): Promise<readonly Context[]> {
  const directory = join(configDirectory(surroundings), 'contexts');
  const entries = await readdir(join(directory, 'meta')).catch(() => []);
  const found = await Promise.all(
    entries.map(async (entry) =>
      contextOf(await readJson(join(directory, 'meta', entry, 'meta.json')), directory),
    ),
  );
  return found.flatMap((context) => context ?? []);
}

function contextOf(meta: unknown, directory: string): Context | undefined {
  const { Name: name, Endpoints: endpoints } = (meta ?? {}) as {
    readonly Name?: string;
    readonly Endpoints?: { readonly docker?: { readonly Host?: string } };
  };
  const address = endpoints?.docker?.Host;
  if (name === undefined || address === undefined) return undefined;
  const id = createHash('sha256').update(name).digest('hex');
  const certificates = join(directory, 'tls', id, 'docker');
  return { name, location: { address, certificates: existsSync(certificates) ? certificates : null } };
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
