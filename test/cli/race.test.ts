import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { up } from '../../src/engine/up.ts';
import { LockedError } from '../../src/errors.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import { createHarness } from '../support/harness.ts';
import { plan, workspace } from './command.ts';
import { startProgram } from './program.ts';

/** `work` is what the machines do before they are ready. */
function race(work: string): string {
  return `
version: 1
name: race
levels:
  - name: only
    services:
      web:
        count: 2
        bootstrap: { run: 'echo "at work"; ${work}' }
`;
}

let space: Awaited<ReturnType<typeof workspace>>;

beforeAll(async () => {
  space = await workspace({ 'slow.yml': race('sleep 1.5') });
  const isDone = join(space.path, 'done-$PLAN_DEPLOYMENT');
  await writeFile(join(space.path, 'race.yml'), race(`until [ -e "${isDone}" ]; do sleep 0.05; done`));
});

afterAll(async () => {
  for (const name of names) await finish(name);
  await plan(['down', '--yes', ...names], { cwd: space.path });
  await space[Symbol.asyncDispose]();
});

const names: string[] = [];

function start(name: string, ...flags: readonly string[]) {
  if (!names.includes(name)) names.push(name);
  const file = flags.includes('--lock-timeout') ? 'slow.yml' : 'race.yml';
  return startProgram(space.path, ['up', file, '--name', name, '--json', ...flags]);
}

/** Lets the machines of a deployment of `race.yml` become ready. */
async function finish(name: string): Promise<void> {
  await writeFile(join(space.path, `done-${name}`), '');
}

/** How often something happened, by the events of several programs. */
function countOf(programs: readonly { stdout(): string }[], type: string): number {
  return programs.reduce((sum, { stdout }) => sum + stdout().split(`"type":"${type}"`).length - 1, 0);
}

describe('two ups of one deployment at the same moment', () => {
  it('are one that works and one that is refused, a hundred times, and launch nothing twice', async () => {
    await using harness = await createHarness();
    await using other = await openSqliteStore(join(harness.directory, 'state'));
    for (let round = 0; round < 100; round += 1) {
      const text = `version: 1\nname: race-${round}\nlevels: [{ name: only, services: { web: { count: 3 } } }]\n`;
      const desired = await harness.plan(text);
      let open: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => (open = resolve));
      const results = await Promise.allSettled(
        [harness.store, other].map(async (store) => {
          const wiring = {
            ...harness.wiring,
            store,
            provider: async () => {
              await gate;
              return harness.cloud;
            },
          };
          const request = { plan: desired, adopt: false, readPlan: () => Promise.resolve(null) };
          try {
            return await up(wiring, request, { signal: new AbortController().signal });
          } catch (error) {
            open();
            throw error;
          }
        }),
      );
      const worked = results.filter((result) => result.status === 'fulfilled');
      const refused = results.filter((result) => result.status === 'rejected');
      expect([worked.length, refused.length]).toEqual([1, 1]);
      expect(worked[0]?.value).toMatchObject({ outcome: 'succeeded', worked: true });
      expect(refused[0]?.reason).toBeInstanceOf(LockedError);
    }
    expect(harness.cloud.instances).toHaveLength(300);
    expect(new Set(harness.cloud.instances.map(({ token, index }) => `${token} ${index}`)).size).toBe(300);
  }, 60_000);

  it('are so as programs, too', async () => {
    for (let round = 0; round < 5; round += 1) {
      const programs = [start(`race-${round}`), start(`race-${round}`)];
      await Promise.race(programs.map((program) => program.ended));
      await finish(`race-${round}`);
      const ended = await Promise.all(programs.map((program) => program.ended));
      expect(ended.map(({ code }) => code).sort()).toEqual([0, 3]);
      const loser = programs[ended.findIndex(({ code }) => code === 3)];
      expect(loser?.stderr()).toMatch(/^Cannot change deployment "race-\d": /);
      expect(countOf(programs, 'launch-requested')).toBe(1);
      expect(countOf(programs, 'step-started')).toBe(2);
    }
  }, 60_000);

  it('are one after the other with --lock-timeout', async () => {
    const programs = [start('wait', '--lock-timeout', '30s'), start('wait', '--lock-timeout', '30s')];
    const ended = await Promise.all(programs.map((program) => program.ended));
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    expect(countOf(programs, 'launch-requested')).toBe(1);
    expect(countOf(programs, 'step-started')).toBe(2);
  }, 60_000);
});

it('reads do not wait for an operation that is under way', async () => {
  const program = start('read', '-v', '--progress', 'plain');
  await program.says('at work');
  const reads = [
    ['status', 'read'],
    ['list'],
    ['events', 'read'],
    ['output', '-d', 'read'],
    ['logs', 'web-0', '-d', 'read'],
    ['up', 'race.yml', '--name', 'read', '--dry-run'],
  ];
  for (const argv of reads) expect([0, 1]).toContain((await plan(argv, { cwd: space.path })).code);
  expect(program.stdout()).not.toContain('"type":"result"');
  await finish('read');
  expect((await program.ended).code).toBe(0);
});
