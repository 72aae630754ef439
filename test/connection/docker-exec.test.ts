import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openConnection } from '../../src/connection/open.ts';
import type { DockerAccess } from '../../src/machine.ts';
import { BUSYBOX, DEBIAN, dockerMissing, startDocker } from '../support/docker.ts';
import type { TestDocker } from '../support/docker.ts';
import { connectionContract } from './connection-contract.ts';
import type { ReachableMachine } from './connection-contract.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import { terminalContract } from './terminal-contract.ts';

const never = new AbortController().signal;
const missing = dockerMissing();
const options = { signal: never, onHostKey: () => expect.unreachable() };

interface Started {
  readonly access: DockerAccess;
  readonly gateway: string;
}

let names = 0;

/** A container that idles in a network of its own. */
async function startContainer(docker: TestDocker, image: string, change: object = {}): Promise<Started> {
  const name = `tested-${++names}`;
  await docker.call('POST', '/networks/create', { Name: name });
  const { Id: id } = (await docker.call('POST', `/containers/create?name=${name}`, {
    Image: image,
    Hostname: name,
    Entrypoint: ['/bin/sh', '-c', 'trap exit TERM; while :; do sleep 100000 & wait; done'],
    ...change,
    HostConfig: {
      Init: true,
      NetworkMode: name,
      ...('HostConfig' in change && (change.HostConfig as object)),
    },
  })) as { readonly Id: string };
  await docker.call('POST', `/containers/${id}/start`);
  const { IPAddress: address = '', Gateway: gateway = '' } =
    (await docker.inspect(id)).NetworkSettings.Networks[name] ?? {};
  return { access: { kind: 'docker', container: id, engine: docker.address, user: null, address }, gateway };
}

/** Reached through a door that can be slammed. */
async function reachable(image: typeof BUSYBOX | typeof DEBIAN): Promise<ReachableMachine> {
  const docker = await startDocker([image]);
  const { access, gateway } = await startContainer(docker, image);
  const proxy = await startTcpProxy({ path: docker.socket });
  return {
    access: { ...access, engine: `tcp://127.0.0.1:${proxy.port}` },
    servers: gateway,
    cut: () => proxy.cut(),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await docker[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(missing !== undefined)(`openDocker()${missing ? `: ${missing}` : ''}`, () => {
  connectionContract('with Debian', () => reachable(DEBIAN), new Set(['ssh', 'signals']));
  connectionContract('with busybox', () => reachable(BUSYBOX), new Set(['ssh', 'signals']));
  terminalContract('terminals with busybox', () => reachable(BUSYBOX));

  describe('with containers of all kinds', () => {
    let docker: TestDocker;
    beforeAll(async () => {
      docker = await startDocker();
    });
    afterAll(() => docker[Symbol.asyncDispose]());

    it('reaches the ports of the container by its names and address, from here', async () => {
      const serve = 'while :; do echo hello | nc -l -p 8000; done';
      const { access } = await startContainer(docker, BUSYBOX, { Entrypoint: ['/bin/sh', '-c', serve] });
      await using connection = await openConnection(access, options);
      const { Config } = await docker.inspect(access.container);
      for (const host of [access.address, Config.Hostname]) {
        const stream = await until(() => connection.forward({ host, port: 8000 }, { signal: never }));
        expect(await text(stream)).toBe('hello\n');
        stream.end();
      }
      const refused = connection.forward({ host: access.address, port: 1 }, { signal: never });
      await expect(refused).rejects.toMatchObject({ problem: 'failed', message: /ECONNREFUSED/ });
    });

    it('reaches the ports of the container through a command where there is no route', async () => {
      const serve = 'while :; do echo hello | nc -l -p 8000; done';
      const { access } = await startContainer(docker, BUSYBOX, { Entrypoint: ['/bin/sh', '-c', serve] });
      // There is no route to an address of a link that is not named.
      await using connection = await openConnection({ ...access, address: 'fe80::1' }, options);
      const { Config } = await docker.inspect(access.container);
      const stream = await until(() =>
        connection.forward({ host: Config.Hostname, port: 8000 }, { signal: never }),
      );
      expect(await text(stream)).toBe('hello\n');
      stream.end();
    });

    it('says so when the image has nothing that reaches a port', async () => {
      const { access } = await startContainer(docker, BUSYBOX);
      await using connection = await openConnection(access, options);
      await connection.exec(
        'cd /bin; cp busybox box; for name in sh cat; do ln -sf box $name; done; rm busybox nc',
        {
          signal: never,
        },
      );
      const forward = connection.forward({ host: '127.0.0.1', port: 1 }, { signal: never });
      await expect(forward).rejects.toMatchObject({ problem: 'failed', message: /one of perl, python3, nc/ });
    });

    it('starts commands as a login of the user that it is told would', async () => {
      const { access } = await startContainer(docker, BUSYBOX, { WorkingDir: '/var' });
      for (const [user, told] of [
        [null, '/root root root root /bin/sh'],
        ['guest', '/tmp guest guest guest /bin/sh'],
      ] as const) {
        await using connection = await openConnection({ ...access, user }, options);
        const { stdout } = await connection.exec(`sh -c 'echo "$(pwd) $(whoami) $USER $LOGNAME $SHELL"'`, {
          signal: never,
        });
        expect(String(stdout)).toBe(`${told}\n`);
      }
    });

    it('writes to what can be written to where the rest cannot', async () => {
      const { access } = await startContainer(docker, BUSYBOX, {
        HostConfig: { ReadonlyRootfs: true, Tmpfs: { '/root': '' } },
      });
      await using connection = await openConnection(access, options);
      const put = (path: string) =>
        connection.upload([{ path, mode: 0o600, bytes: Buffer.from('x') }], { signal: never });
      await put('a/b');
      expect(String(await connection.download('a/b', { signal: never }))).toBe('x');
      await expect(put('/etc/b')).rejects.toMatchObject({
        problem: 'failed',
        message: /Read-only file system/,
      });
    });

    it('waits for a command that closed its outputs', async () => {
      const { access } = await startContainer(docker, BUSYBOX);
      await using connection = await openConnection(access, options);
      const command = 'exec >&- 2>&-; sleep 0.3; exit 5';
      expect((await connection.exec(command, { signal: never })).exitCode).toBe(5);
    });

    it('is lost when the container is killed, with what is under way', async () => {
      const { access } = await startContainer(docker, BUSYBOX);
      let lost = 0;
      await using connection = await openConnection(access, { ...options, onLost: () => (lost += 1) });
      const running = connection.exec('echo begun; sleep 100', {
        signal: never,
        onStdout: () => void docker.call('POST', `/containers/${access.container}/kill`),
      });
      await expect(running).rejects.toMatchObject({ problem: 'lost' });
      await expect(connection.exec('true', { signal: never })).rejects.toMatchObject({ problem: 'lost' });
      expect(lost).toBe(1);
      const again = openConnection(access, options);
      await expect(again).rejects.toMatchObject({ problem: 'unreachable', message: /it is exited/ });
    });

    it('calls a container or an engine that is not there unreachable', async () => {
      const access = {
        kind: 'docker',
        container: 'none',
        engine: docker.address,
        user: null,
        address: '',
      } as const;
      await expect(openConnection(access, options)).rejects.toMatchObject({
        problem: 'unreachable',
        message: 'Cannot connect to container "none": there is none',
      });
      const nowhere = { ...access, engine: 'unix:///no/such.sock' };
      await expect(openConnection(nowhere, options)).rejects.toMatchObject({
        problem: 'unreachable',
        message: /^Cannot reach the container engine at "unix:\/\/\/no\/such.sock": .*ENOENT/,
      });
      await expect(openConnection({ ...access, engine: 'nonsense://' }, options)).rejects.toMatchObject({
        problem: 'authentication',
      });
    });

    it('says that an image without a shell runs no command', async () => {
      const { access } = await startContainer(docker, BUSYBOX);
      await using connection = await openConnection(access, options);
      await connection.exec('rm /bin/sh', { signal: never });
      const { exitCode, stdout } = await connection.exec('true', { signal: never });
      expect([exitCode, String(stdout)]).toEqual([expect.any(Number), expect.stringContaining('/bin/sh')]);
    });

    it('is cancelled while it waits for an engine that does not answer', async () => {
      const mute = createServer().listen(0, '127.0.0.1');
      await once(mute, 'listening');
      const { port } = mute.address() as AddressInfo;
      const reason = new Error('enough');
      const controller = new AbortController();
      const access = { kind: 'docker', container: 'x', user: null, address: '' } as const;
      mute.on('connection', () => controller.abort(reason));
      const opening = openConnection(
        { ...access, engine: `tcp://127.0.0.1:${port}` },
        { ...options, signal: controller.signal },
      );
      await expect(opening).rejects.toBe(reason);
      mute.close();
    });
  });
});

/** What a server that has just been started refuses is asked again. */
async function until<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!/ECONNREFUSED|refused/.test(String(error))) throw error;
    }
  }
}
