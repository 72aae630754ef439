import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { json, text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { spaciousMemory } from './spacious-memory.ts';
import { makeTiers } from './tiers-image.ts';

/** A container engine of the test's own, with its images; disposing of it ends whatever runs there. */
export interface TestDocker extends AsyncDisposable {
  /** `unix:///…` */
  readonly address: string;
  readonly socket: string;
  /** A call of the engine's API. */
  call(method: string, path: string, body?: object | Readable): Promise<unknown>;
  /** Names of a container's networks, and so on: what it looks like. */
  inspect(id: string): Promise<Inspected>;
  /** Makes an image from another one: its container's commands are run by `sh`. */
  image(name: string, dockerfile: string): Promise<string>;
}

export interface Inspected {
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly Status: string; readonly Pid: number; readonly StartedAt: string };
  readonly Config: {
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly Hostname: string;
  };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly Readonly<Record<string, unknown>>[];
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly Gateway: string }>>;
    readonly Ports: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>
    >;
  };
}

/** Busybox alone: a few megabytes. */
export const BUSYBOX = 'plan-test/busybox:1';
/** A minimal Debian. */
export const DEBIAN = 'plan-test/debian:12';
/** The same with PostgreSQL, nginx, and perl with a driver of the former. */
export const TIERS = 'plan-test/tiers:12';

type ImageName = typeof BUSYBOX | typeof DEBIAN | typeof TIERS;

const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache/plan-test');
const run = promisify(execFile);

const TOOLS = {
  dockerd: 'docker.io',
  iptables: 'iptables',
  busybox: 'busybox',
  mmdebstrap: 'mmdebstrap',
} as const;

function toolPath(name: string): string | undefined {
  return ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin', '/usr/local/sbin']
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path));
}

/** Why no engine can be started here; undefined if one can. */
export function dockerMissing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'dockerd is started as root on Linux only';
  const missing = Object.entries(TOOLS).find(([tool]) => toolPath(tool) === undefined);
  return missing && `there is no ${missing[0]} here (Debian: ${missing[1]})`;
}

/**
 * Starts an engine that has these images, under a data directory of its own; `more`: further words of its command line;
 * `before`: a command that it is run by.
 */
export async function startDocker(
  images: readonly ImageName[] = [BUSYBOX],
  more: readonly string[] = [],
  before: readonly string[] = [],
): Promise<TestDocker> {
  const missing = dockerMissing();
  if (missing !== undefined) throw new Error(missing);
  const directory = await mkdtemp(join(tmpdir(), 'plan-docker-'));
  const socket = join(directory, 'docker.sock');
  const log = join(directory, 'log');
  // Engines side by side must not give out the same addresses.
  const addresses = `10.${100 + (process.pid % 150)}.0.0/16`;
  const pool = `base=${addresses},size=24`;
  const words = [
    ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')],
    ...['--pidfile', join(directory, 'pid'), '--host', `unix://${socket}`, '--default-address-pool', pool],
    ...['--bridge=none', '--iptables=false', '--ip6tables=false', '--log-level=warn'],
    ...more,
  ];
  // An engine of the computer's own may have closed all bridges but those that it made itself.
  const opening = ['FORWARD', '-s', addresses, '-d', addresses, '-j', 'ACCEPT'];
  await firewall('-I', opening);
  const program = `exec dockerd "$@" >>"$log" 2>&1`;
  const guard = toolPath('setpriv') === undefined ? [] : ['setpriv', '--pdeathsig', 'TERM'];
  const [command = '', ...rest] = [...guard, ...before, 'sh', '-c', program, 'sh', ...words];
  const daemon = spawn(command, rest, { stdio: 'ignore', env: { ...process.env, log } });
  const exited = once(daemon, 'exit');

  async function call(method: string, path: string, body?: object | Readable): Promise<unknown> {
    return await ask(socket, method, path, body);
  }
  async function ready(): Promise<boolean> {
    if (daemon.exitCode !== null) throw new Error(`dockerd did not start: ${await readFile(log, 'utf8')}`);
    return await call('GET', '/_ping').then(
      () => true,
      () => false,
    );
  }

  const self: TestDocker = {
    address: `unix://${socket}`,
    socket,
    call,
    inspect: async (id) => (await call('GET', `/containers/${id}/json`)) as Inspected,
    async image(name, dockerfile) {
      const context = await mkdtemp(join(directory, 'context-'));
      await writeFile(join(context, 'Dockerfile'), dockerfile);
      const { stdout } = await run('tar', ['-C', context, '-c', '.'], { encoding: 'buffer' });
      const told = await call('POST', `/build?t=${encodeURIComponent(name)}`, Readable.from([stdout]));
      if (String(told).includes('"error"')) throw new Error(`Cannot build "${name}": ${String(told)}`);
      return name;
    },
    async [Symbol.asyncDispose]() {
      for (const { Id } of (await call('GET', '/containers/json?all=1')) as { Id: string }[])
        await call('DELETE', `/containers/${Id}?force=1&v=1`);
      // A bridge would outlive its engine.
      await call('POST', '/networks/prune');
      daemon.kill('SIGTERM');
      await exited;
      await firewall('-D', opening);
      await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
  while (!(await ready())) await delay(20);
  for (const image of images) {
    const [repo = '', tag = ''] = image.split(':');
    await call(
      'POST',
      `/images/create?fromSrc=-&repo=${repo}&tag=${tag}`,
      createReadStream(await imageFile(image)),
    );
  }
  return self;
}

/** Where there is no firewall, it keeps nothing out. */
async function firewall(verb: '-I' | '-D', rule: readonly string[]): Promise<void> {
  await run(toolPath('iptables') ?? '', ['-w', verb, ...rule]).catch(() => undefined);
}

async function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: object | Readable,
): Promise<unknown> {
  const isStream = body instanceof Readable;
  const headers =
    body === undefined ? {} : { 'content-type': isStream ? 'application/x-tar' : 'application/json' };
  const sent = request({ socketPath, method, path, headers, agent: false });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  if (isStream) body.pipe(sent);
  else sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = await answered;
  const isJson = answer.headers['content-type']?.startsWith('application/json') === true;
  const isList = isJson && !/^\/(?:build|images\/create)/.test(path);
  const told = isList && answer.statusCode !== 204 ? await json(answer) : await text(answer);
  if ((answer.statusCode ?? 500) >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(told)}`);
  return told;
}

/** The file of an image's file system, made once for all runs: whoever comes first makes it, others wait. */
async function imageFile(image: ImageName): Promise<string> {
  const file = join(CACHE, `${image.replaceAll(/^.*\/|:/g, (part) => (part === ':' ? '-' : ''))}.tar`);
  await mkdir(CACHE, { recursive: true });
  const lock = `${file}.lock`;
  while (!existsSync(file)) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
    } catch {
      if (!isHeld(lock)) await rm(lock, { force: true });
      await delay(100);
      continue;
    }
    try {
      if (!existsSync(file)) await MAKERS[image](file);
    } finally {
      await rm(lock, { force: true });
    }
  }
  return file;
}

function isHeld(lock: string): boolean {
  try {
    const pid = readFileSync(lock, 'utf8');
    return pid === '' || existsSync(`/proc/${pid}`);
  } catch {
    return true;
  }
}

async function makeDebian(file: string): Promise<void> {
  const unfinished = `${file}.tmp.tar`;
  const words = ['--quiet', '--variant=minbase', '--dpkgopt=force-unsafe-io', 'bookworm', unfinished];
  const env = { ...process.env, TMPDIR: await spaciousMemory() };
  await run('mmdebstrap', words, { maxBuffer: 2 ** 26, env });
  await rename(unfinished, file);
}

const MAKERS: Readonly<Record<ImageName, (file: string) => Promise<void>>> = {
  [BUSYBOX]: makeBusybox,
  [DEBIAN]: makeDebian,
  [TIERS]: async (file) => makeTiers(await imageFile(DEBIAN), file),
};

/** Busybox with the libraries that it needs, under every name that it has. */
async function makeBusybox(file: string): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'plan-busybox-'));
  const busybox = toolPath('busybox') ?? '';
  const libraries = (await run('sh', ['-c', 'ldd "$0" || :', busybox])).stdout.match(/\/\S+/g) ?? [];
  for (const path of [busybox, ...libraries]) {
    const target = path === busybox ? join(root, 'bin', basename(path)) : join(root, path);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(path, target);
  }
  for (const name of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n'))
    if (name !== 'busybox') await symlink('busybox', join(root, 'bin', name));
  for (const name of ['etc', 'root', 'tmp', 'var', 'proc', 'sys', 'dev']) await mkdir(join(root, name));
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/tmp:/bin/sh\n',
  );
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nguest:x:1000:\n');
  await run('tar', ['-C', root, '-cf', `${file}.tmp`, '.']);
  await rename(`${file}.tmp`, file);
  await rm(root, { recursive: true });
}
