import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../../src/json.ts';
import { createDockerProvider } from '../../../src/providers/docker/docker.ts';
import type {
  InstanceState,
  LaunchAnswer,
  LaunchBatch,
  Observation,
  Provider,
} from '../../../src/providers/provider.ts';
import { BUSYBOX, dockerMissing, startDocker } from '../../support/docker.ts';
import type { TestDocker } from '../../support/docker.ts';
import { until } from '../../support/until.ts';

const missing = dockerMissing();
const cancel = { signal: new AbortController().signal };
const tags = { deployment: 'web', uuid: '0123456789abcdef', owner: 'me@here', state: 'state-1' };

describe.skipIf(missing !== undefined)(`createDockerProvider()${missing ? `: ${missing}` : ''}`, () => {
  let docker: TestDocker;
  let provider: Provider;
  let directory: string;
  let batches = 0;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'plan-docker-plan-'));
    docker = await startDocker();
    provider = await createDockerProvider({ host: docker.address, context: null, place: null });
    await provider.prepare(tags, [], cancel);
  });
  // What a test that failed leaves is no business of the next one.
  afterEach(async () => {
    const machines = (await provider.holdings(cancel)).filter(({ kind }) => kind === 'machine');
    await provider.remove(machines, cancel);
  });
  afterAll(async () => {
    await provider.close();
    await docker[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  function batch(
    options: Readonly<Record<string, Json>>,
    { image = BUSYBOX, generation = 1, name = `m-${++batches}`, count = 1, min = 1 } = {},
  ): LaunchBatch {
    const machines = Array.from({ length: count }, (_, i) => ({
      name: count === 1 ? name : `${name}-${i}`,
      generation,
    }));
    const request = {
      service: 'm',
      image,
      directory,
      options,
      labels: { role: 'db' },
      tags,
      handsHostKey: false,
      resolved: null,
    };
    return { token: `token-${name}-${generation}`, machines, min, request };
  }
  async function launch(asked: LaunchBatch): Promise<LaunchAnswer> {
    const resolution = await provider.resolve(asked.request, cancel);
    if (resolution.kind === 'refused') return resolution;
    return await provider.launch({ ...asked, request: resolution.request }, cancel);
  }
  async function one(
    options: Readonly<Record<string, Json>>,
    more: Parameters<typeof batch>[1] = {},
  ): Promise<string> {
    const answer = await launch(batch(options, more));
    if (answer.kind === 'refused') throw new Error(answer.message);
    return answer.ids[0] ?? '';
  }
  async function seen(id: string, state: InstanceState): Promise<Observation> {
    let found: Observation | undefined;
    await until(async () => {
      found = (await provider.describe([id], cancel)).get(id);
      return found?.state === state;
    });
    if (found === undefined) throw new Error('Cannot happen');
    return found;
  }
  async function problems(
    options: Readonly<Record<string, Json>>,
    more: Parameters<typeof batch>[1] = {},
    max = 1,
  ) {
    const { request } = batch(options, more);
    const found = await provider.check([{ request, min: 1, max }], cancel);
    return found.map(({ message }) => message);
  }

  it('gives a container what its service says, and labels on everything', async () => {
    await mkdir(join(directory, 'conf'));
    await docker.call('POST', '/networks/create', { Name: 'shared' });
    const id = await one(
      {
        env: { A: 'b=c', N: 1 },
        ports: ['127.0.0.1::80', 53],
        volumes: ['./conf:/etc/conf:ro', 'data:/data'],
        memory: '64m',
        cpus: 0.5,
        network: 'shared',
      },
      { name: 'full' },
    );
    const { addresses, access } = await seen(id, 'running');
    expect(addresses).toMatchObject({ hostname: 'full', publicIp: null });
    expect(access).toMatchObject({ kind: 'docker', container: id, engine: docker.address, user: null });
    const made = await docker.inspect(id);
    expect(made.Name).toBe('/plan-web-01234567-full-1');
    expect(made.Config.Env).toEqual(expect.arrayContaining(['A=b=c', 'N=1']));
    expect(made.Config.Labels).toEqual({
      role: 'db',
      'plan.deployment': 'web',
      'plan.uuid': tags.uuid,
      'plan.owner': 'me@here',
      'plan.state': 'state-1',
      'plan.service': 'm',
      'plan.machine': 'full',
      'plan.generation': '1',
      'plan.batch': 'token-full-1',
      'plan.index': '0',
    });
    expect(made.HostConfig).toMatchObject({
      Memory: 64 * 2 ** 20,
      NanoCpus: 5e8,
      Privileged: false,
      Init: true,
    });
    expect(Object.keys(made.NetworkSettings.Networks).toSorted()).toEqual(['plan-web-01234567', 'shared']);
    expect(Object.keys(made.NetworkSettings.Ports).toSorted()).toEqual(['53/tcp', '80/tcp']);
    expect(made.Mounts.map(({ Destination, RW }) => [Destination, RW]).toSorted()).toEqual([
      ['/data', true],
      ['/etc/conf', false],
    ]);
    await provider.terminate([id], cancel);
  });

  it('lets a container mount file systems where a service asks for all rights, and no other one', async () => {
    const command = 'mount -t tmpfs none /tmp 2>/dev/null && echo may || echo may not; exit 1';
    const id = await one({ privileged: true, command }).catch((error: unknown) => error);
    // An engine that lacks them itself cannot give them.
    if (id instanceof Error) expect(id.message).toMatch(/operation not permitted/);
    else {
      expect((await docker.inspect(String(id))).HostConfig['Privileged']).toBe(true);
      expect((await seen(String(id), 'terminated')).reason).toMatch(/\nmay$/);
    }
    expect((await seen(await one({ command }), 'terminated')).reason).toMatch(/\nmay not$/);
  });

  it('tells how a command that ended by itself ended, and what it said last', async () => {
    // By one stream: what comes by two an engine keeps in any order.
    const id = await one({ command: 'exec >&2; seq 1 9; echo bad; exit 3' }, { name: 'dying' });
    const { reason } = await seen(id, 'terminated');
    expect(reason).toBe("the container's command ended with exit code 3\nIt printed last:\n6\n7\n8\n9\nbad");
    for (const verb of ['stop', 'start', 'reboot'] as const)
      expect((await provider[verb]([id], cancel)).get(id)).toMatchObject({ kind: 'cannot' });
    const next = await one({ command: ['sleep', 1000] }, { name: 'dying', generation: 2 });
    expect((await provider.describe([id], cancel)).get(id)?.state).toBe('unknown');
    await provider.terminate([next], cancel);
  });

  it('says so when a port is taken, and leaves nothing behind', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await launch(batch({ ports: [`127.0.0.1:${port}:80`] }, { name: 'taken' }))).toMatchObject({
      kind: 'refused',
      message: /^Cannot start the container "plan-web-01234567-taken-1": .*address already in use/,
      retryAfter: 5_000,
    });
    server.close();
    expect(await provider.list(tags, cancel)).toEqual([]);
  });

  it('says so when an image is not there', async () => {
    expect(await launch(batch({ pull: 'never' }, { image: 'plan-test/none:1' }))).toMatchObject({
      kind: 'refused',
      message: 'Cannot use the image "plan-test/none:1": the engine does not have it',
    });
    expect(await launch(batch({}, { image: '127.0.0.1:1/none:1' }))).toMatchObject({
      kind: 'refused',
      message: /^Cannot pull the image "127\.0\.0\.1:1\/none:1": /,
    });
  });

  it('builds an image once, and removes it at the end', async () => {
    const place = join(directory, 'image');
    await mkdir(place);
    await writeFile(join(place, 'Dockerfile'), `FROM ${BUSYBOX}\nCOPY a /a\nCMD ["sleep", "1000"]\n`);
    await writeFile(join(place, 'a'), 'x');
    const image = JSON.stringify({ build: './image' });
    const ids = [await one({}, { image }), await one({}, { image })];
    const [first, second] = await Promise.all(ids.map((id) => docker.inspect(id)));
    expect(first?.Image).toBe(second?.Image);
    expect((await provider.holdings(cancel)).map(({ kind }) => kind).toSorted()).toEqual([
      'image',
      'machine',
      'machine',
      'network',
      'volume',
    ]);
    await writeFile(join(place, 'Dockerfile'), `FROM ${BUSYBOX}\nRUN exit 4\n`);
    expect(await launch(batch({}, { image }))).toMatchObject({
      kind: 'refused',
      message: /returned a non-zero code: 4/,
    });
    await provider.terminate(ids, cancel);
    await provider.release(tags, cancel);
    expect(await provider.holdings(cancel)).toEqual([]);
    await provider.prepare(tags, [], cancel);
  });

  it('removes what is held, machines first', async () => {
    await one({});
    const holdings = await provider.holdings(cancel);
    const answers = await provider.remove(holdings.toReversed(), cancel);
    expect([...answers.values()].every(({ kind }) => kind === 'accepted')).toBe(true);
    expect(await provider.holdings(cancel)).toEqual([]);
    await provider.prepare(tags, [], cancel);
  });

  it('cannot change labels, unless they are so', async () => {
    const id = await one({});
    const change = async (set: Record<string, string>) =>
      (await provider.label(new Map([[id, { set, remove: [] }]]), cancel)).get(id)?.kind;
    expect([await change({ role: 'db' }), await change({ role: 'x' })]).toEqual(['accepted', 'cannot']);
    await provider.terminate([id], cancel);
  });

  it('finds what is wrong before a launch', async () => {
    expect(await problems({})).toEqual([]);
    expect(await problems({ ports: ['99999'] })).toEqual([
      expect.stringMatching(/^Cannot use docker\.ports/),
    ]);
    expect(await problems({ volumes: ['x'] })).toEqual([
      expect.stringMatching(/^Cannot use docker\.volumes/),
    ]);
    expect(await problems({ memory: 'much' })).toEqual([
      expect.stringMatching(/^Cannot use docker\.memory "much"/),
    ]);
    expect(await problems({ cpus: 0 })).toEqual([expect.stringMatching(/^Cannot use docker\.cpus/)]);
    expect(await problems({ env: { a: [] } })).toEqual([expect.stringMatching(/^Cannot use docker\.env/)]);
    expect(await problems({ command: [] })).toEqual([expect.stringMatching(/^Cannot use docker\.command/)]);
    expect(await problems({ network: 'none' })).toEqual([
      expect.stringMatching(/^Cannot use docker\.network/),
    ]);
    expect(await problems({ network: 'nowhere' })).toEqual([
      'Cannot join the network "nowhere": there is none of this name',
    ]);
    expect(await problems({ volumes: ['./none:/x'] })).toEqual([
      `Cannot mount "${join(directory, 'none')}": there is no such file or directory`,
    ]);
    expect(await problems({ ports: ['80:80'] }, {}, 2)).toEqual([
      'Cannot publish port 80 for 2 machines: only one of them can have it',
    ]);
    expect(await problems({ pull: 'never' }, { image: 'none' })).toEqual([
      'Cannot use the image "none": the engine does not have it',
    ]);
    expect(await problems({}, { image: '{"build":"./no"}' })).toEqual([
      expect.stringMatching(/there is no Dockerfile$/),
    ]);
    expect(await problems({}, { image: '' })).toEqual(['Cannot start containers: there is no image']);
  });

  it('says so when there is no engine, and asks no other one for the machines', async () => {
    const nowhere = await createDockerProvider({ host: 'unix:///no/such.sock', context: null, place: null });
    expect(await nowhere.check([], cancel)).toMatchObject([
      { service: null, message: /ENOENT/, hint: /DOCKER_HOST/ },
    ]);
    await expect(nowhere.describe(['x'], cancel)).rejects.toMatchObject({
      name: 'ProviderError',
      isFinal: false,
    });
    const elsewhere = await createDockerProvider({
      host: docker.address,
      context: null,
      place: 'engine of "other"',
    });
    await expect(elsewhere.describe(['x'], cancel)).rejects.toMatchObject({ isFinal: true });
  });
});
