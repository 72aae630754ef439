import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/state/database.ts';
import type { Ran } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';

/** Its bootstrap tells how often it ran. */
const pairIn = (directory: string): string => `
version: 1
name: pair
levels:
  - name: only
    services:
      web: { bootstrap: { run: 'echo >> "${directory}/runs"; echo "run" $(wc -l < "${directory}/runs")' } }
  - name: above
    services:
      late: {}
`;

const BROKEN = `
version: 1
name: broken
levels:
  - name: only
    services:
      web: { bootstrap: { run: 'exit 3' } }
  - name: above
    services:
      never: { count: 2 }
`;

let space: Awaited<ReturnType<typeof workspace>>;

function here(...argv: readonly string[]): Promise<Ran> {
  return plan(argv, { cwd: space.path });
}

beforeAll(async () => {
  space = await workspace({ 'broken.yml': BROKEN });
  await writeFile(join(space.path, 'pair.yml'), pairIn(space.path));
});

afterAll(async () => {
  await here('down', '--yes', 'pair');
  await here('down', '--yes', 'broken');
  await space[Symbol.asyncDispose]();
});

describe('the history of a deployment', () => {
  it('tells its operations with who, when, plan and outcome, and comes up again under its name', async () => {
    for (const argv of [
      ['up', 'pair.yml'],
      ['down', 'pair', '--yes'],
      ['down', 'pair'],
      ['up', 'pair.yml'],
    ])
      expect((await here(...argv)).code).toBe(0);
    const { stdout } = await here('events', 'pair');
    const operations = stdout.split('\n').filter((line) => line.includes('operation '));
    const said = [
      /^\d{4}-\d\d-\d\dT[\d:.]+Z {2}pair {2}operation 1: up by [^ ]+@[^ ]+, plan [\da-f]{12}$/,
      /^[^ ]+ {2}pair {2}operation 1: up succeeded after [\d.]+s$/,
      /operation 2: down by /,
      /operation 2: down succeeded/,
      /operation 3: down by /,
      /operation 3: down succeeded/,
      /operation 4: up by /,
      /operation 4: up succeeded/,
    ];
    expect(operations).toHaveLength(said.length);
    for (const [i, line] of operations.entries()) expect(line).toMatch(said[i] ?? /^$/);
  });

  it('is told from a time on, or of the last while', async () => {
    const all = jsonLinesOf(await here('events', 'pair', '--json'));
    const middle = String(all[Math.floor(all.length / 2)]?.['at']);
    const late = jsonLinesOf(await here('events', 'pair', '--json', '--since', middle));
    expect(late).toEqual(all.filter(({ at }) => String(at) >= middle));
    expect(late.length).toBeLessThan(all.length);
    expect(jsonLinesOf(await here('events', 'pair', '--json', '--since', '1h'))).toEqual(all);
    expect(jsonLinesOf(await here('events', 'pair', '--json', '--since', '0s'))).toEqual([]);
    expect((await here('events', 'pair', '--since', '0s')).stdout).toBe('');
    const followed = jsonLines(
      (await here('events', 'pair', '--json', '--follow', '--since', middle)).stdout,
    );
    expect(followed.slice(1)).toEqual(late);
    const lastOnly = await here('events', 'pair', '--since', String(all.at(-1)?.['at']));
    expect(lastOnly.stdout).toMatch(/operation 4: up succeeded after [\d.]+s\n$/);
    expect(await here('events', 'pair', '--since', 'yesterday')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^Cannot use --since: "yesterday" is neither .*\nExamples: /) as string,
    });
  });

  it('shows the logs of the machine that is there, and with --all of those before it', async () => {
    const now = await here('logs', 'web-0', '-d', 'pair');
    expect(now).toMatchObject({ code: 0, stdout: 'run 2\n' });
    const all = await here('logs', 'web-0', '-d', 'pair', '--all');
    expect(all.stdout).toBe('==> web-0 bootstrap <==\nrun 1\n\n==> web-0 bootstrap, instance 2 <==\nrun 2\n');
    const json = JSON.parse((await here('logs', 'web-0', '-d', 'pair', '--all', '--json')).stdout) as {
      readonly logs: readonly { readonly generation: number; readonly text: string }[];
    };
    expect(json.logs.map(({ generation, text }) => [generation, text])).toEqual([
      [1, 'run 1\n'],
      [2, 'run 2\n'],
    ]);
    expect((await here('logs', 'late-0', '-d', 'pair')).stderr).toBe(
      '"late-0" has no such log: nothing was printed.\n',
    );
  });

  it('is gone after down --purge, which asks', async () => {
    expect((await here('up', 'broken.yml')).code).toBe(1);
    const logs = (): readonly string[] => readdirSync(join(space.path, '.plan/logs'));
    expect(logs()).toHaveLength(1);
    expect((await here('ssh-config', '-d', 'pair')).code).toBe(0);
    const sshFiles = (): readonly string[] => readdirSync(join(space.path, '.plan/ssh'));
    expect(sshFiles()).toEqual(['pair']);
    const asked = await here('down', 'pair', '--purge');
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(
      /would be terminated:\n {2}above: late-0\n {2}only: web-0\nThe record, history and logs of "pair" would be removed\.\nCannot ask/,
    );
    const purged = await here('down', 'pair', '--purge', '--yes');
    expect(purged).toMatchObject({ code: 0 });
    expect(purged.stderr).toMatch(/"pair" is terminated\. Its record, history and logs are removed\.\n$/);
    expect([logs(), sshFiles()]).toEqual([[], []]);
    expect((await here('status', 'pair')).code).toBe(2);
    const db = openDatabase(join(space.path, '.plan/state.db'));
    const left = db.prepare<[], number>('SELECT count(*) FROM archives').pluck().get();
    db.close();
    expect(left).toBe(1);
    expect((await here('up', 'pair.yml')).code).toBe(0);
    expect((await here('logs', 'web-0', '-d', 'pair')).stdout).toBe('run 3\n');
  });

  it('is gone after down --purge of what is terminated already', async () => {
    expect((await here('down', 'broken', '--yes')).code).toBe(0);
    expect((await here('status', 'broken')).code).toBe(1);
    const asked = await plan(['down', 'broken', '--purge', '--progress', 'plain'], {
      cwd: space.path,
      terminal: { columns: 80, rows: 24 },
      typed: 'y\n',
    });
    expect(asked.stderr).toMatch(/"broken" would be removed\.\nPurge\? \[y\/N\] /);
    expect(asked.stderr).toMatch(/"broken" is terminated already: [^\n]* logs are removed\.\n$/);
    expect((await here('list')).stdout).not.toContain('broken');
  });
});

describe('down --purge', () => {
  it('purges nothing of what did not go well, and can be run again', async () => {
    const text =
      'version: 1\nname: stubborn\nlevels: [{ name: a, services: { s: { teardown: { run: "exit 1" } } } }]\n';
    await writeFile(join(space.path, 'stubborn.yml'), text);
    expect((await here('up', 'stubborn.yml')).code).toBe(0);
    const failed = await here('down', 'stubborn', '--purge', '--yes');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('warning: "stubborn" is not purged: ');
    expect((await here('logs', 's-0', '-d', 'stubborn')).code).toBe(0);
    expect((await here('down', 'stubborn', '--purge', '--yes')).code).toBe(0);
    expect((await here('status', 'stubborn')).code).toBe(2);
  });
});

describe('status of an operation that is over', () => {
  it('names the levels that it did not begin', async () => {
    expect((await here('up', 'broken.yml')).code).toBe(1);
    const { stdout } = await here('status', 'broken');
    expect(stdout).toMatch(/^broken {2}failed .*\nup by [^ ]+: failed, ended [\d.]+s ago\npending: above\n/);
    expect((await here('status', 'pair')).stdout).not.toContain('pending: ');
  });
});

describe('up --on-failure', () => {
  it('down takes down what failed, unasked, and the exit code stays 1', async () => {
    await here('down', 'broken', '--yes');
    const ran = await here('up', 'broken.yml', '--on-failure', 'down');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/✘ Cannot bring "broken" up: [^]*"broken" is terminated\.\n$/);
    expect((await here('status', 'broken')).stdout).toMatch(/^broken {2}terminated/);
    expect((await here('logs', 'web-0', '-d', 'broken', '--all', '--json')).code).toBe(0);
    const json = await here('up', 'broken.yml', '--on-failure', 'down', '--json');
    expect(json.code).toBe(1);
    expect(jsonLines(json.stdout).at(-1)).toMatchObject({
      type: 'result',
      operation: 'up',
      outcome: 'failed',
      deployments: [
        { deployment: 'broken', operation: 'up', outcome: 'failed' },
        { deployment: 'broken', operation: 'down', outcome: 'succeeded', state: 'terminated' },
      ],
    });
  });

  it('keep leaves what failed, and down leaves what came up or could not begin', async () => {
    expect((await here('up', 'broken.yml', '--on-failure', 'keep')).code).toBe(1);
    expect((await here('status', 'broken')).stdout).toMatch(/^broken {2}failed/);
    expect((await here('up', 'pair.yml', '--on-failure', 'down')).code).toBe(0);
    expect((await here('status', 'pair')).code).toBe(0);
    await writeFile(join(space.path, 'other.yml'), pairIn(space.path));
    expect((await here('up', 'other.yml', '--on-failure', 'down')).code).toBe(2);
    expect((await here('status', 'pair')).code).toBe(0);
    expect((await here('up', 'pair.yml', '--on-failure', 'maybe')).code).toBe(2);
  });
});

describe('warnings of a plan', () => {
  const odd =
    'version: 1\nname: odd\ninputs: { unused: {} }\nlevels: [{ name: a, services: { s: { count: 0 } } }]\n';

  it('are events of JSON Lines, and a text for people', async () => {
    await writeFile(join(space.path, 'odd.yml'), odd);
    for (const flags of [['--dry-run'], []]) {
      const { code, stdout, stderr } = await here('up', 'odd.yml', '--json', '--input', 'unused=1', ...flags);
      expect([code, stderr]).toEqual([0, '']);
      expect(jsonLines(stdout).slice(0, 2)).toMatchObject([
        { type: 'version' },
        { type: 'warning', message: expect.stringContaining('unused') as string, line: 3 },
      ]);
    }
    const shown = await here('up', 'odd.yml', '--dry-run', '--input', 'unused=1');
    expect(shown.stderr).toMatch(/^Warnings:\n[^\n]*odd\.yml:3:/);
    expect((await here('up', 'odd.yml', '--quiet', '--input', 'unused=1')).stderr).toBe('');
    expect((await here('down', 'odd', '--yes', '--purge')).code).toBe(0);
  });
});

function jsonLinesOf({ stdout }: Ran): readonly Readonly<Record<string, unknown>>[] {
  return (JSON.parse(stdout) as { readonly events: readonly Record<string, unknown>[] }).events;
}
