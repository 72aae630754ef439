import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createLocalProvider } from '../../../src/providers/local/local.ts';
import { startHost } from '../../../src/providers/local/host.ts';
import { startHostProcess, hostScript } from '../../../src/providers/local/host-process.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import { tags } from '../../support/launch-request.ts';
import { batchOf, cancel, createLocalMachines } from '../../support/local-machines.ts';
import type { LocalMachines } from '../../support/local-machines.ts';
import { isGone } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import { sshAccess } from '../../support/ssh-access.ts';

let machines: LocalMachines;
beforeEach(async () => {
  machines = await createLocalMachines({ inProcess: false, prefix: 'plan\'s state $HOME "quoted" é-' });
});
afterEach(() => machines[Symbol.asyncDispose]());

async function killHost(): Promise<void> {
  const pid = machines.hostPid();
  process.kill(pid, 'SIGKILL');
  await until(() => isGone(pid));
}

describe('the host process', () => {
  it('is not started by questions while no machine is recorded', async () => {
    const { provider, stateDirectory } = machines;
    expect(await provider.list({}, cancel)).toEqual([]);
    expect((await provider.describe(['local-1'], cancel)).get('local-1')?.state).toBe('unknown');
    expect(await provider.terminate(['local-1'], cancel)).toEqual(
      new Map([['local-1', { kind: 'accepted' }]]),
    );
    await provider.release(tags, cancel);
    expect(readdirSync(stateDirectory)).toEqual([]);
  });

  it('outlives the command, in a session of its own and away from its directory', async () => {
    const { id } = await machines.one();
    await machines.provider.close();
    const pid = machines.hostPid();
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    expect(Number(stat[3])).toBe(pid);
    const another = createLocalProvider({ stateDirectory: machines.stateDirectory });
    expect((await another.describe([id], cancel)).get(id)?.state).toBe('running');
    expect(machines.hostPid()).toBe(pid);
    await another.terminate([id], cancel);
    await another.release(tags, cancel);
    expect(isGone(pid)).toBe(true);
    await another.close();
  });

  it('comes back after SIGKILL: same addresses, keys and homes, and what ran still runs', async () => {
    const before = await machines.one();
    const [stopped = ''] = await machines.launch(1);
    await machines.provider.stop([stopped], cancel);
    await machines.until(stopped, 'stopped');
    const first = await machines.connect(before.id);
    const pid = Number(await first.text('setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $! | tee pid'));
    await killHost();
    const after = await machines.until(before.id, 'running');
    expect(after).toEqual(before);
    expect((await machines.look(stopped)).state).toBe('stopped');
    expect(isGone(pid)).toBe(false);
    await using client = await machines.connect(before.id);
    expect(await client.text('cat pid')).toBe(String(pid));
    await machines.provider.terminate([before.id], cancel);
    await machines.until(before.id, 'terminated');
    expect(isGone(pid)).toBe(true);
  });

  it('goes on with what it was ending when it was killed', async () => {
    const { id } = await machines.one();
    await machines.provider.terminate([id], cancel);
    await killHost();
    await until(async () => ['terminated', 'unknown'].includes((await machines.look(id)).state));
    expect(existsSync(machines.home(id))).toBe(false);
  });

  it('answers a launch again that it was killed after', async () => {
    const batch = batchOf(3);
    const first = await machines.provider.launch(batch, cancel);
    await killHost();
    expect(await machines.provider.launch(batch, cancel)).toEqual(first);
    expect(await machines.provider.list({}, cancel)).toHaveLength(3);
  });

  it('loses no machine and keeps no half of one, whenever a launch is cut by SIGKILL', async () => {
    await machines.one();
    for (let wait = 0; wait < 20; wait += 4) {
      const batch = batchOf(20);
      const launched = machines.provider.launch(batch, cancel);
      await new Promise((resolve) => setTimeout(resolve, wait));
      await killHost();
      const answer = await launched;
      expect(answer.kind).toBe('launched');
      const listed = await machines.provider.list({}, cancel);
      const mine = listed.filter((one) => one.batch?.token === batch.token);
      expect(mine.map(({ id }) => id).toSorted()).toEqual(
        answer.kind === 'launched' ? answer.ids.toSorted() : [],
      );
      const homes = readdirSync(join(machines.stateDirectory, 'machines')).filter((name) =>
        name.startsWith('local-'),
      );
      expect(homes.toSorted()).toEqual(listed.map(({ id }) => id).toSorted());
    }
  });

  it('is one, however many start it at once', async () => {
    const { stateDirectory } = machines;
    const providers = Array.from({ length: 4 }, () => createLocalProvider({ stateDirectory }));
    const answers = await Promise.all(providers.map((provider) => provider.launch(batchOf(1), cancel)));
    expect(answers.map(({ kind }) => kind)).toEqual(['launched', 'launched', 'launched', 'launched']);
    expect(await machines.provider.list({}, cancel)).toHaveLength(4);
    expect(await startHostProcess(stateDirectory, hostScript())).toBe('busy');
    expect(await startHost(stateDirectory)).toBeUndefined();
    for (const provider of providers) await provider.close();
  });

  it('ends by itself with its last machine, and release waits for that', async () => {
    const { provider, stateDirectory } = machines;
    const ids = await machines.launch(3);
    const pid = machines.hostPid();
    await provider.terminate(ids, cancel);
    await provider.release(tags, cancel);
    expect(isGone(pid)).toBe(true);
    expect(readdirSync(stateDirectory)).toEqual(['keys']);
    expect((await machines.look(ids[0] ?? '')).state).toBe('unknown');
  });

  it('stays for machines of another deployment', async () => {
    const other = { ...tags, uuid: 'uuid-2' };
    const [mine = ''] = await machines.launch(1);
    const [theirs = ''] = await machines.launch(1, { tags: other });
    const pid = machines.hostPid();
    await machines.provider.terminate([mine], cancel);
    await machines.provider.release(tags, cancel);
    expect(isGone(pid)).toBe(false);
    expect((await machines.look(theirs)).state).toBe('running');
  });

  it('is found to be gone although something else listens at its old port', async () => {
    const { id } = await machines.one();
    const address = join(machines.stateDirectory, 'machines', 'host.json');
    const { port } = JSON.parse(readFileSync(address, 'utf8')) as { readonly port: number };
    await killHost();
    const server = createServer((socket) => socket.end('SSH-2.0-other\r\n')).listen(port, '127.0.0.1');
    await once(server, 'listening');
    expect((await machines.until(id, 'running')).id).toBe(id);
    server.close();
  });

  it('tells with its own words why it does not start', async () => {
    const { stateDirectory } = machines;
    mkdirSync(join(stateDirectory, 'keys'));
    writeFileSync(join(stateDirectory, 'keys', 'id_ed25519'), 'garbage');
    const outcome = machines.provider.launch(batchOf(1), cancel);
    await expect(outcome).rejects.toBeInstanceOf(ProviderError);
    await expect(outcome).rejects.toThrow('it is not an OpenSSH private key');
    writeFileSync(join(stateDirectory, 'keys', 'id_ed25519'), '');
    await expect(machines.provider.prepare(tags, [], cancel)).rejects.toBeInstanceOf(ProviderError);
    const { rm } = await import('node:fs/promises');
    await rm(join(stateDirectory, 'keys'), { recursive: true });
    await rm(join(stateDirectory, 'machines'), { recursive: true });
  });

  it('lets a command that is cancelled go at once', async () => {
    const controller = new AbortController();
    const reason = new Error('interrupted');
    const launched = machines.provider.launch(batchOf(1), { signal: controller.signal });
    controller.abort(reason);
    await expect(launched).rejects.toBe(reason);
    await until(() => existsSync(join(machines.stateDirectory, 'machines', 'host.json')));
  });

  it('launches 200 machines, each with an address of its own, that all answer', async () => {
    const ids = await machines.launch(200);
    const found = await machines.provider.describe(ids, cancel);
    const addresses = new Set(
      [...found.values()].map(({ access }) => `${sshAccess(access).host}:${sshAccess(access).port}`),
    );
    expect(addresses.size).toBe(200);
    await Promise.all(
      ids.map(async (id) => {
        await using client = await machines.connect(id);
        expect(await client.text('pwd')).toBe(machines.home(id));
      }),
    );
    expect(statSync(machines.home(ids[0] ?? '')).mode & 0o777).toBe(0o700);
  });
});

describe('a machine inside a machine', () => {
  it('has its own processes, and ends with the outer one', async () => {
    const { id } = await machines.one();
    await using outer = await machines.connect(id);
    const program = `
      import { createLocalProvider } from '${new URL('../../../dist/providers/local/local.js', import.meta.url).pathname}';
      const cancel = { signal: new AbortController().signal };
      const provider = createLocalProvider({ stateDirectory: process.env.HOME + '/state' });
      const request = { service: 'web', image: null, directory: '/', options: {}, labels: {}, handsHostKey: true, resolved: null, tags: { deployment: 'd', uuid: 'u', owner: 'o', state: 's' } };
      const { ids } = await provider.launch({ token: 't', machines: [{ name: 'web-0', generation: 1 }, { name: 'web-1', generation: 1 }], min: 1, request }, cancel);
      const found = await provider.describe(ids, cancel);
      console.log(JSON.stringify(ids.map((id) => found.get(id).access)));
      await provider.close();`;
    await outer.run('cat >launch.mjs', program);
    const { connectTo } = await import('../../support/ssh-client.ts');
    const accesses = JSON.parse(await outer.text(`${process.execPath} launch.mjs`)) as Parameters<
      typeof connectTo
    >[0][];
    const start = async (access: Parameters<typeof connectTo>[0] | undefined): Promise<number> => {
      if (access === undefined) throw new Error('Cannot find the inner machine');
      await using inner = await connectTo(access);
      return Number(await inner.text('setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $!'));
    };
    const first = await start(accesses[0]);
    const second = await start(accesses[1]);
    const inner = createLocalProvider({ stateDirectory: join(machines.home(id), 'state') });
    const [innerId = ''] = (await inner.list({}, cancel))
      .filter(({ batch }) => batch?.index === 0)
      .map((one) => one.id);
    await inner.terminate([innerId], cancel);
    await until(() => isGone(first));
    expect(isGone(second)).toBe(false);
    await inner.close();
    await machines.provider.terminate([id], cancel);
    await machines.until(id, 'terminated');
    expect(isGone(second)).toBe(true);
  });
});
