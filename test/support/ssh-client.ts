import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';

import ssh2 from 'ssh2';

import type { Access } from '../../src/machine.ts';
import { keyOf, sshAccess } from './ssh-access.ts';

export interface Ran {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** A bare SSH connection, independent of `src/connection`. */
export interface TestClient extends AsyncDisposable {
  readonly client: ssh2.Client;
  run(command: string, stdin?: Buffer | string): Promise<Ran>;
  /** Trimmed stdout of a command that must succeed. */
  text(command: string): Promise<string>;
  open(command: string): Promise<ssh2.ClientChannel>;
  shell(): Promise<ssh2.ClientChannel>;
  forward(host: string, port: number): Promise<Duplex>;
}

export interface TestLogin {
  readonly user?: string;
  readonly privateKey?: string;
}

/** Rejects when the machine does not let us in, or shows another host key than the access says. */
export async function connectTo(reached: Access, login: TestLogin = {}): Promise<TestClient> {
  const access = sshAccess(reached);
  const client = new ssh2.Client();
  client.connect({
    host: access.host,
    port: access.port,
    username: login.user ?? access.user,
    privateKey: login.privateKey ?? readFileSync(keyOf(access)),
    hostVerifier: (key: Buffer) => `ssh-ed25519 ${key.toString('base64')}` === access.hostKey,
  });
  await once(client, 'ready');
  client.on('error', () => undefined);
  const open = (command: string): Promise<ssh2.ClientChannel> =>
    new Promise((resolve, reject) => {
      client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : reject(error)));
    });
  // A command that ends at once may be over before a promise could tell of its channel.
  const run = (command: string, stdin: Buffer | string = ''): Promise<Ran> =>
    new Promise((resolve, reject) => {
      client.exec(command, (error, channel) => {
        if (error === undefined) collect(channel.end(stdin)).then(resolve, reject);
        else reject(error);
      });
    });
  return {
    client,
    run,
    open,
    async text(command) {
      const { code, stdout, stderr } = await run(command);
      if (code !== 0) throw new Error(`"${command}" ended with ${code}: ${stderr.toString()}`);
      return stdout.toString().trim();
    },
    shell: () =>
      new Promise((resolve, reject) => {
        client.shell(false, (error, channel) => (error === undefined ? resolve(channel) : reject(error)));
      }),
    forward: (host, port) =>
      new Promise((resolve, reject) => {
        client.forwardOut('127.0.0.1', 0, host, port, (error, channel) =>
          error === undefined ? resolve(channel) : reject(error),
        );
      }),
    async [Symbol.asyncDispose]() {
      client.destroy();
      await Promise.resolve();
    },
  };
}

/** Everything that a command says, and its end. */
export async function collect(channel: ssh2.ClientChannel): Promise<Ran> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let end: Pick<Ran, 'code' | 'signal'> = { code: null, signal: null };
  channel.on('data', (chunk: Buffer) => stdout.push(chunk));
  channel.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  channel.on('exit', (code: number | null, signal?: string) => (end = { code, signal: signal ?? null }));
  await once(channel, 'close');
  return { ...end, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}
