import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { watchCommandLines } from '../support/command-lines.ts';
import type { CommandLines } from '../support/command-lines.ts';
import { BUSYBOX, dockerMissing, startDocker } from '../support/docker.ts';
import type { TestDocker } from '../support/docker.ts';
import { exposed, modesOf } from '../support/exposed.ts';
import { keyOf } from '../support/ssh-access.ts';
import { sshdMissing } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import type { World } from '../support/sshd-world.ts';
import { until } from '../support/until.ts';
import type { Scenario } from './scenario.ts';
import { logOf, machinesOf, openScenario, states } from './scenario.ts';
import { processesOf } from './traces.ts';

const missing = dockerMissing() ?? sshdMissing();
const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const PLAN = new URL('../../plans/anywhere.yml', import.meta.url).pathname;

const MACHINES = ['store-0', 'store-1', 'relay-0', 'relay-1', 'worker-0', 'worker-1', 'smoke-0'];
const PROVIDERS = ['boxes', 'boxes', 'rack', 'rack', 'local', 'local', 'operator'];

describe.skipIf(missing !== undefined)(
  `one plan on containers, hosts, local machines and the operator's computer${missing ? `: ${missing}` : ''}`,
  () => {
    let docker: TestDocker;
    let world: World;
    let space: Scenario;
    let watch: CommandLines;
    let up: readonly string[];
    /** What the engine had before the plan. */
    let before: unknown;
    const secrets = new Set<string>();

    beforeAll(async () => {
      docker = await startDocker();
      await docker.call('POST', `/images/${BUSYBOX}/tag?repo=busybox&tag=1.37`);
      vi.stubEnv('DOCKER_HOST', docker.address);
      before = await inEngine();
      world = await startWorld({ users: [{ name: 'ann', uid: 47_331 }], address: '0.0.0.0' });
      space = await openScenario();
      const hosts = [1, 2, 3].map((i) => `ann@127.0.6.${i}:${world.access.port}`);
      await space.write('inventory.yml', JSON.stringify(hosts));
      const inputs = [
        `inventory=${join(space.path, 'inventory.yml')}`,
        `key=${keyOf(world.access)}`,
        'hostKey=pinFirst',
      ];
      up = ['up', PLAN, '--yes', ...inputs.flatMap((input) => ['--input', input])];
      watch = watchCommandLines({ pause: 5 });
    });

    afterAll(async () => {
      await watch.stop();
      try {
        await space[Symbol.asyncDispose]();
      } finally {
        await world[Symbol.asyncDispose]();
        await docker[Symbol.asyncDispose]();
      }
    });

    /** Names of everything that the engine holds. */
    async function inEngine(): Promise<unknown> {
      const [containers, networks, { Volumes: volumes }, images] = (await Promise.all(
        ['containers/json?all=1', 'networks', 'volumes', 'images/json?all=1'].map((what) =>
          docker.call('GET', `/${what}`),
        ),
      )) as [
        readonly { readonly Names: readonly string[] }[],
        readonly { readonly Name: string }[],
        { readonly Volumes: readonly { readonly Name: string }[] | null },
        readonly { readonly Id: string }[],
      ];
      return {
        containers: containers.flatMap(({ Names }) => Names).toSorted(),
        networks: networks.map(({ Name }) => Name).toSorted(),
        volumes: volumes?.length ?? 0,
        images: images.map(({ Id }) => Id).toSorted(),
      };
    }

    /** What is in the home of the hosts, and what runs there. */
    function onHosts(): readonly string[] {
      const home = join(world.place, 'home-ann');
      return [...readdirSync(home), ...processesOf(home).map(({ command }) => command)];
    }

    /** Runs a command as a process of its own that is killed when it tells something; false: it ended before. */
    async function killedWhen(told: RegExp, argv: readonly string[]): Promise<boolean> {
      const child = spawn(
        process.execPath,
        [MAIN, ...argv, '--json', '--quiet', '--state-dir', space.stateDirectory],
        { cwd: space.path, stdio: ['ignore', 'pipe', 'ignore'] },
      );
      const ended = once(child, 'exit');
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (told.test(line)) child.kill('SIGKILL');
      });
      const [, signal] = (await ended) as [number | null, NodeJS.Signals | null];
      return signal === 'SIGKILL';
    }

    async function ids(): Promise<Readonly<Record<string, string | null>>> {
      const machines = machinesOf(await space.status('anywhere'));
      return Object.fromEntries(machines.map(({ name, id }) => [name, id]));
    }

    /** The sensitive outputs of every machine, which count as secrets from now on. */
    async function reveal(): Promise<void> {
      const { stdout } = await space.run(['output', '-d', 'anywhere', '--reveal']);
      const found = [...stdout.matchAll(/^\S+\.(?:password|ticket)=(.+)$/gm)].map(([, value = '']) => value);
      expect(found).toHaveLength(4);
      for (const secret of found) secrets.add(secret);
    }

    it('comes up although plan is killed on the way, with attributes from each on the others', async () => {
      for (const name of ['store-1', 'relay-0'])
        expect(await killedWhen(new RegExp(`"step-began".*"${name}","step":"bootstrap"`), up)).toBe(true);
      const ran = await space.run(up);
      expect(ran.code, ran.stderr).toBe(0);
      const document = await space.status('anywhere');
      expect(states(document)).toEqual(MACHINES.map((name) => `${name} ready`));
      const machines = machinesOf(document);
      expect(machines.map(({ provider }) => provider)).toEqual(PROVIDERS);
      for (const { attempts } of machines) expect(attempts).toEqual({ launch: 1, bootstrap: 1 });
      expect(machines[0]?.outputs).toEqual({ port: '80', password: '***' });
      expect(await inEngine()).toMatchObject({ containers: { length: 2 }, volumes: 2 });
      const relays = machines.slice(2, 4).map(({ hostname, index }) => `${hostname}#${index}`);
      expect((await logOf(space, 'anywhere', 'smoke-0', 'verify')).trimEnd().split('\n')).toEqual(
        ['worker-0', 'worker-1'].flatMap((worker) => [
          'nobody: 401',
          ...relays.map((slot) => `${slot}: 200 kept by store-0, shown by ${worker}`),
        ]),
      );
      expect(await logOf(space, 'anywhere', 'relay-1', 'bootstrap')).toBe(
        machines
          .slice(0, 2)
          .map(({ name, address }) => `relay-1 knows ${name} at ${address}:80\n`)
          .join(''),
      );
      const told = await space.run(['status', 'anywhere']);
      expect(told.code).toBe(0);
      for (const { name, address } of machines)
        expect(told.stdout).toMatch(new RegExp(`^ {4}${name} +ready +${address} `, 'm'));
      expect((await space.run(up)).stderr).toContain('there is nothing to do');
      await reveal();
    });

    it('keeps what is put on machines from other users, work directories at 0700', async () => {
      const containers = (await ids())['store-0'] ?? '';
      const { State } = await docker.inspect(containers);
      for (const root of [
        `/proc/${State.Pid}/root/root/.launch-plan`,
        join(world.place, 'home-ann/.launch-plan'),
        join(space.stateDirectory, 'machines'),
        join(space.stateDirectory, 'operator'),
      ]) {
        expect(exposed(root)).toEqual([]);
        const works = modesOf(root, 'work');
        expect(works.size, root).toBeGreaterThan(0);
        expect(new Set(works.values())).toEqual(new Set([0o700]));
      }
    });

    it('repair replaces the container that was killed and nothing else, and tells those that depend on it', async () => {
      const first = await ids();
      await docker.call('POST', `/containers/${first['store-0'] ?? ''}/kill`);
      const seen = await space.run(['status', 'anywhere', '--refresh', '--limit', '1s', '--json']);
      expect(seen.code).toBe(1);
      expect(seen.stdout).toMatch(/"name": "store-0",[^]*?"state": "lost"/);
      expect(seen.stdout).toMatch(/the container's command ended with exit code 137/);
      const ran = await space.run(['repair', 'anywhere', '--yes']);
      expect(ran.code, ran.stderr).toBe(0);
      for (const why of [
        'relay-0  to be bootstrapped again: file stores.conf changed',
        'relay-1  to be bootstrapped again: file stores.conf changed',
        'worker-0  to be bootstrapped again: env PASSWORD changed',
        'worker-1  to be bootstrapped again: env PASSWORD changed',
      ])
        expect(ran.stderr).toContain(why);
      const second = await ids();
      expect(MACHINES.filter((name) => first[name] !== second[name])).toEqual(['store-0']);
      expect(states(await space.status('anywhere'))).toEqual(MACHINES.map((name) => `${name} ready`));
      expect(await inEngine()).toMatchObject({ containers: { length: 2 }, volumes: 2 });
      expect((await space.run(['verify', 'anywhere'])).code).toBe(0);
      await reveal();
      expect(secrets.size).toBe(5);
    });

    it('down leaves nothing on any of them, although it is killed', async () => {
      expect(await killedWhen(/"step":"teardown"/, ['down', 'anywhere', '--yes'])).toBe(true);
      const ran = await space.run(['down', 'anywhere', '--yes']);
      expect(ran.code, ran.stderr).toBe(0);
      expect(await inEngine()).toEqual(before);
      // The pause of a loop that was ended.
      await until(() => onHosts().length === 0);
      for (const name of ['machines', 'operator'])
        expect(existsSync(join(space.stateDirectory, name)), name).toBe(false);
      expect(processesOf(space.stateDirectory)).toEqual([]);
      const orphans = await space.run(['gc', '--json']);
      expect(orphans.code, orphans.stderr).toBe(0);
    });

    it('masks what a container printed last, and shows nothing of it where it cannot be masked', async () => {
      const word = 'a word for the container alone';
      await space.plan(
        'loud',
        `
inputs: { word: { sensitive: true } }
providers: { boxes: { type: docker } }
levels:
  - name: all
    services:
      loud:
        provider: boxes
        image: ${BUSYBOX}
        attempts: { launch: 1 }
        docker: { env: { WORD: "{{inputs.word}}" }, command: 'echo "it is $WORD"; exit 3' }
`,
      );
      const ran = [await space.run(['up', 'loud.yml', '--input', `word=${word}`])];
      expect(ran[0]).toMatchObject({ code: 1 });
      expect(ran[0]?.stderr).toMatch(/ended with exit code 3\n {8}It printed last:\n {8}it is \*\*\*\n/);
      for (const argv of [
        ['status', 'loud'],
        ['status', 'loud', '--refresh'],
        ['events', 'loud', '--json'],
      ])
        ran.push(await space.run(argv));
      for (const { stdout, stderr } of ran) expect(stdout + stderr).not.toContain(word);
      expect(await space.run(['down', 'loud', '--yes'])).toMatchObject({ code: 0 });
    });

    it('shows no secret on any command line', async () => {
      const seen = await watch.stop();
      // What runs for long is seen for certain: in a container, on a host, on a local machine.
      for (const command of [/^httpd -f /, /^sh -c while :; do date >beat/, /^node worker\.mjs/])
        expect(seen.filter((line) => command.test(line))).not.toEqual([]);
      expect(seen.filter((line) => [...secrets].some((secret) => line.includes(secret)))).toEqual([]);
    });
  },
);
