import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openConnection } from '../src/connection/open.ts';
import { openDockerEngine } from '../src/docker-engine.ts';
import { locateDocker } from '../src/docker-location.ts';
import type { Surroundings } from '../src/docker-location.ts';
import { BUSYBOX, dockerMissing, startDocker } from './support/docker.ts';
import type { TestDocker } from './support/docker.ts';

const missing = dockerMissing();
const cancel = { signal: new AbortController().signal };

/** Makes an authority, and keys of a server and a client that it vouches for, in these directories. */
function makeCertificates(directory: string): { readonly server: string; readonly client: string } {
  const openssl = (...words: readonly string[]): void =>
    void execFileSync('openssl', words, { cwd: directory, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca-key.pem',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=authority',
    '-days',
    '2',
  );
  const make = (name: string, extensions: string): string => {
    const place = join(directory, name);
    mkdirSync(place);
    openssl('req', ...key, '-keyout', `${name}/key.pem`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(directory, `${name}.ext`), extensions);
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-days', '2'];
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signing,
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}/cert.pem`,
    );
    cpSync(join(directory, 'ca.pem'), join(place, 'ca.pem'));
    return place;
  };
  return {
    server: make('server', 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n'),
    client: make('client', 'extendedKeyUsage=clientAuth\n'),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe.skipIf(missing !== undefined)(`an engine that speaks TLS${missing ? `: ${missing}` : ''}`, () => {
  let directory: string;
  let certificates: string;
  let docker: TestDocker;
  let host: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'plan-docker-tls-'));
    const { server, client } = makeCertificates(directory);
    certificates = client;
    host = `tcp://127.0.0.1:${await freePort()}`;
    const files = ['ca', 'cert', 'key'].map((name) => [
      `--tls${name === 'ca' ? 'cacert' : name}`,
      join(server, `${name}.pem`),
    ]);
    docker = await startDocker([BUSYBOX], ['--tlsverify', ...files.flat(), '--host', host]);
  });
  afterAll(async () => {
    await docker[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  const at = (environment: Surroundings['environment'] = {}): Surroundings => ({
    environment,
    home: directory,
  });
  async function identity(surroundings: Surroundings, context: string | null = null): Promise<string> {
    const engine = openDockerEngine(await locateDocker({ host: null, context }, surroundings));
    try {
      return await engine.identity(cancel);
    } finally {
      engine.close();
    }
  }
  const environment = (path = certificates): Surroundings['environment'] => ({
    DOCKER_HOST: host,
    DOCKER_TLS_VERIFY: '1',
    DOCKER_CERT_PATH: path,
  });

  it('is asked with the certificates of the environment, and of a context', async () => {
    const own = openDockerEngine({ address: docker.address, certificates: null });
    const expected = await own.identity(cancel);
    own.close();
    expect(await identity(at(environment()))).toBe(expected);
    const id = createHash('sha256').update('far').digest('hex');
    const contexts = join(directory, '.docker', 'contexts');
    mkdirSync(join(contexts, 'meta', id), { recursive: true });
    const context = { Name: 'far', Endpoints: { docker: { Host: host } } };
    writeFileSync(join(contexts, 'meta', id, 'meta.json'), JSON.stringify(context));
    cpSync(certificates, join(contexts, 'tls', id, 'docker'), { recursive: true });
    expect(await identity(at(), 'far')).toBe(expected);
  });

  it('runs commands, whose input and outputs go through TLS too', async () => {
    for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
    const { Id: container } = (await docker.call('POST', '/containers/create', {
      Image: BUSYBOX,
      Cmd: ['sleep', '1000'],
      HostConfig: { NetworkMode: 'none', Init: true },
    })) as { readonly Id: string };
    await docker.call('POST', `/containers/${container}/start`);
    await using connection = await openConnection(
      { kind: 'docker', engine: host, container, user: null, address: '127.0.0.1' },
      { ...cancel, onHostKey: () => undefined },
    );
    const bytes = Buffer.alloc(300_000, 'TLS ');
    const told = await connection.exec('cat; echo bad >&2; exit 5', { ...cancel, stdin: bytes });
    expect(told.stdout.equals(bytes)).toBe(true);
    expect({ ...told, stdout: null }).toMatchObject({ exitCode: 5, stderr: Buffer.from('bad\n') });
    vi.unstubAllEnvs();
  });

  it('refuses others, and is refused where another authority vouches for it', async () => {
    await expect(identity(at({ DOCKER_HOST: host }))).rejects.toThrow(/HTTPS server/);
    const other = mkdtempSync(join(directory, 'other-'));
    const { client } = makeCertificates(other);
    await expect(identity(at(environment(client)))).rejects.toThrow(
      /Cannot reach the container engine at ".*": .*certificate/,
    );
    // An authority alone says whom to trust, and not who asks.
    for (const name of ['cert.pem', 'key.pem']) renameSync(join(client, name), join(other, name));
    cpSync(join(certificates, 'ca.pem'), join(client, 'ca.pem'));
    await expect(identity(at(environment(client)))).rejects.toThrow(/: (?:ssl|tls)v\S+ alert .*certificate/);
    await expect(identity(at(environment(join(directory, 'none'))))).rejects.toThrow(
      `Cannot read the engine's certificates: there is none in "${join(directory, 'none')}"`,
    );
  });
});
