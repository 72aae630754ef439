import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isGone } from '../support/processes.ts';
import { jsonLines, plan, workspace } from './command.ts';

const HUNDRED = `
version: 1
name: hundred
levels: [{ name: only, services: { web: { count: 100 } } }]
`;

/** Milliseconds that a machine has. */
const LIMIT = 5_000;

/** One fails; one starts what hangs, and hangs. */
const COMMAND = `case $PLAN_TEST_PLACE in
  fail) echo failing >&2; exit 3 ;;
  hang) sleep 600 & echo $$ $!; sleep 600 ;;
esac
echo fine`;

let space: Awaited<ReturnType<typeof workspace>>;

beforeAll(async () => {
  space = await workspace({ 'plan.yml': HUNDRED });
  const { code, stderr } = await plan(['up', 'plan.yml', '-q'], { cwd: space.path });
  if (code !== 0) throw new Error(stderr);
});

afterAll(async () => {
  await plan(['down', '--yes', '-q'], { cwd: space.path });
  await space[Symbol.asyncDispose]();
});

describe('plan exec on 100 machines, of which one fails and one hangs', () => {
  const command = ['sh', '-c', 'PLAN_TEST_PLACE=$(cat place 2>/dev/null); ' + COMMAND];

  beforeAll(async () => {
    for (const [machine, place] of [
      ['web-17', 'fail'],
      ['web-42', 'hang'],
    ] as const)
      await plan(['exec', machine, '--', 'sh', '-c', `echo ${place} >place`], { cwd: space.path });
  });

  it('has all results and the right codes within the time, and leaves no process', async () => {
    const began = Date.now();
    const ran = await plan(['exec', '*', '--timeout', `${LIMIT}ms`, '--json', '--', ...command], {
      cwd: space.path,
    });
    const took = Date.now() - began;
    expect(ran.code).toBe(1);
    const ended = jsonLines(ran.stdout).filter(({ type }) => type === 'ended');
    const codes = new Map(ended.map(({ machine, outcome, exitCode }) => [machine, exitCode ?? outcome]));
    expect(codes).toEqual(
      new Map(
        Array.from(
          { length: 100 },
          (_, i) => [`web-${i}`, i === 17 ? 3 : i === 42 ? 'timed-out' : 0] as const,
        ),
      ),
    );
    expect(took).toBeGreaterThanOrEqual(LIMIT);
    expect(took).toBeLessThan(LIMIT + 5_000);
  });

  it('shows the lines of all, and a table of those two', async () => {
    const ran = await plan(['exec', '*', '--timeout', `${LIMIT}ms`, '--', ...command], { cwd: space.path });
    expect(ran.code).toBe(1);
    const lines = ran.stdout.trimEnd().split('\n');
    const pids = /^web-42 \| (\d+) (\d+)$/m.exec(ran.stdout)?.slice(1).map(Number) ?? [];
    expect(pids).toHaveLength(2);
    expect(pids.map(isGone)).toEqual([true, true]);
    expect(lines.filter((line) => /^web-\d+ +\| fine$/.test(line))).toHaveLength(98);
    expect(ran.stderr).toMatch(
      /^web-17 \| failing\nMACHINE {2}CODE {2}TIME {2}WHY\nweb-17 {3}3 {5}\d\.\ds\nweb-42 {3}124 {3}\d\.\ds {2}not done within 5s\nDone on 98 of 100 machines\.\nTheir logs: \S+\n$/,
    );
  });
});
