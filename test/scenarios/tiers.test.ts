import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { jsonLines } from '../cli/command.ts';
import { watchCommandLines } from '../support/command-lines.ts';
import { dockerMissing, startDocker, TIERS } from '../support/docker.ts';
import type { TestDocker } from '../support/docker.ts';
import type { Scenario } from './scenario.ts';
import { logOf, openScenario, states } from './scenario.ts';

const missing = dockerMissing();
const PLAN = new URL('../../plans/tiers.yml', import.meta.url).pathname;
/** Milliseconds for making the images, at the first run. */
const MAKING = 600_000;

describe.skipIf(missing !== undefined)(
  `tiers of Debian's packages in containers${missing ? `: ${missing}` : ''}`,
  () => {
    let docker: TestDocker;
    let space: Scenario;
    /** All that commands wrote. */
    let written = '';

    beforeAll(async () => {
      docker = await startDocker([TIERS]);
      vi.stubEnv('DOCKER_HOST', docker.address);
      space = await openScenario();
    }, MAKING);
    afterAll(async () => {
      try {
        await space[Symbol.asyncDispose]();
      } finally {
        await docker[Symbol.asyncDispose]();
      }
    });

    /** Brings the plan up with this many machines of the application; answers what that did. */
    async function up(apps: number): Promise<readonly string[]> {
      const inputs = [`apps=${apps}`, `image=${TIERS}`, 'publish=127.0.0.1::80'];
      const words = ['up', PLAN, '--yes', '--json', ...inputs.flatMap((input) => ['--input', input])];
      const ran = await space.run(words);
      written += ran.stdout + ran.stderr;
      expect(ran.code, ran.stderr).toBe(0);
      return jsonLines(ran.stdout).flatMap((fact) => {
        if (fact['type'] === 'machine-running') return [`${String(fact['machine'])} launched`];
        if (fact['type'] === 'terminate-requested')
          return (fact['machines'] as readonly string[]).map((name) => `${name} terminated`);
        const isDone = fact['type'] === 'step-succeeded' && fact['skipped'] !== true;
        return isDone ? [`${String(fact['machine'])} ${String(fact['step'])}`] : [];
      });
    }

    /** The machines that answered the last smoke test, which ends with the first answer of the last one. */
    async function smoked(count: number): Promise<readonly string[]> {
      const log = await logOf(space, 'tiers', 'smoke-0', 'verify');
      const answers = [...log.matchAll(/^([\w-]+): visit \d+ here, \d+ in all$/gm)];
      return answers
        .slice(-count)
        .map(([, name = '']) => name)
        .toSorted();
    }

    async function container(machine: string) {
      return await docker.inspect((await space.machines('tiers')).get(machine)?.id ?? '');
    }

    /** What a machine's container and its server are known by for as long as they are the same. */
    async function identity(machine: string): Promise<string> {
      const { Name, State } = await container(machine);
      const server = { 'web-0': 'run/nginx.pid', 'database-0': 'run/postgresql/15-main.pid' }[machine];
      const pid = server && readFileSync(`/proc/${State.Pid}/root/${server}`, 'utf8').trim();
      return `${Name} since ${State.StartedAt}, server ${pid ?? 'not told'}`;
    }

    async function identities(): Promise<readonly string[]> {
      return await Promise.all(['database-0', 'app-0', 'app-1', 'app-2', 'web-0'].map(identity));
    }

    it('has as many machines behind nginx as the plan says, and leaves all others alone', async () => {
      const watch = watchCommandLines({ pause: 25 });
      try {
        const first = await up(3);
        expect(first.filter((what) => what.endsWith(' launched'))).toHaveLength(6);
        expect(await smoked(3)).toEqual(['app-0', 'app-1', 'app-2']);
        const before = await identities();
        expect(before.at(-1)).toMatch(/server \d+$/);

        const second = await up(5);
        expect(second.toSorted()).toEqual([
          ...['app-3', 'app-4'].flatMap((name) =>
            ['bootstrap', 'connect', 'launched', 'verify'].map((step) => `${name} ${step}`),
          ),
          'smoke-0 verify',
          'web-0 bootstrap',
          'web-0 verify',
        ]);
        expect(await smoked(5)).toEqual(['app-0', 'app-1', 'app-2', 'app-3', 'app-4']);
        expect(await identities()).toEqual(before);
        expect(await up(5)).toEqual([]);

        expect(await up(3)).toEqual([
          ...['web-0 bootstrap', 'web-0 verify', 'smoke-0 verify'],
          ...['app-3 terminated', 'app-4 terminated'],
        ]);
        expect(await smoked(3)).toEqual(['app-0', 'app-1', 'app-2']);
        expect(await identities()).toEqual(before);
      } finally {
        written += (await watch.stop()).join('\n');
      }
      expect(states(await space.status('tiers'))).toEqual(
        ['database-0', 'app-0', 'app-1', 'app-2', 'web-0', 'smoke-0'].map((name) => `${name} ready`),
      );
      expect(await logOf(space, 'tiers', 'web-0', 'bootstrap')).toMatch(
        /^started$[^]*^reloaded$[^]*^reloaded$/m,
      );

      const [published] = (await container('web-0')).NetworkSettings.Ports['80/tcp'] ?? [];
      const answer = await fetch(`http://127.0.0.1:${published?.HostPort}/`);
      expect(await answer.text()).toMatch(/^app-\d: visit \d+ here, \d+ in all\n$/);
    }, 300_000);

    it('tells nobody the generated password of the database', async () => {
      written += JSON.stringify(await space.status('tiers'));
      expect((await space.run(['output', 'database.password'])).stdout).toBe('***\n');
      const revealed = await space.run(['output', 'database.password', '--reveal']);
      const password = revealed.stdout.trim();
      expect(password).toMatch(/^[\w-]{32}$/);

      const names = ['database-0', 'app-0', 'web-0'];
      written += JSON.stringify(await Promise.all(names.map(container)));
      expect(written).toContain('bin/postgres -D ');
      expect(written).not.toContain(password);
      const files = readdirSync(space.stateDirectory, { recursive: true, encoding: 'utf8' })
        .map((name) => join(space.stateDirectory, name))
        .filter((path) => statSync(path).isFile());
      expect(files.filter((path) => readFileSync(path).includes(password))).toEqual([]);
    });

    it('leaves nothing', async () => {
      const down = await space.run(['down', 'tiers', '--yes']);
      expect(down.code, down.stderr).toBe(0);
      expect(await docker.call('GET', '/containers/json?all=1')).toEqual([]);
      const networks = (await docker.call('GET', '/networks')) as readonly { readonly Name: string }[];
      expect(networks.map(({ Name }) => Name).toSorted()).toEqual(['host', 'none']);
      const volumes = (await docker.call('GET', '/volumes')) as { readonly Volumes: unknown };
      expect(volumes.Volumes ?? []).toEqual([]);
    });
  },
);
