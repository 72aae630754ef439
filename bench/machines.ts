import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.ts';
import type { Usage } from './measure.ts';
import { CLI, program } from './paths.ts';
import type { Row } from './row.ts';

/** The two scripts that both sides run on every machine. */
export const BOOTSTRAP = 'echo ready >state\n';
export const VERIFY = '[ -s state ]\n';

const PLAN = `
version: 1
name: bench
inputs: { machines: { default: 1 } }
levels:
  - name: all
    services:
      node:
        count: "{{inputs.machines}}"
        bootstrap: { run: ${JSON.stringify(BOOTSTRAP)} }
        verify: { run: ${JSON.stringify(VERIFY)} }
`;

interface Pair {
  readonly up: Usage;
  readonly bare: Usage;
}

/** `plan up` on local machines, then a bare ssh2 client on the same machines. */
async function pair(machines: number, rounds: number): Promise<Pair> {
  const pairs: Pair[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const directory = await mkdtemp(join(tmpdir(), 'plan-bench-'));
    const state = join(directory, 'state');
    try {
      await writeFile(join(directory, 'plan.yml'), PLAN);
      const flags = ['--state-dir', state, '--progress', 'quiet'];
      const up = await measure([
        CLI,
        'up',
        join(directory, 'plan.yml'),
        '--input',
        `machines=${machines}`,
        ...flags,
      ]);
      try {
        const bare = await measure([program('bare-client'), state]);
        pairs.push({ up, bare });
      } finally {
        await measure([CLI, 'down', '--yes', ...flags]);
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  pairs.sort((a, b) => a.up.wall / a.bare.wall - b.up.wall / b.bare.wall);
  const middle = pairs[Math.floor(pairs.length / 2)];
  if (middle === undefined) throw new Error('No round was measured.');
  return middle;
}

/** 1,000 local machines, one level, trivial scripts, against a bare client. */
export async function machineRows(): Promise<readonly Row[]> {
  const small = await pair(100, 3);
  const large = await pair(1_000, 1);
  const slope = (use: (one: Pair) => Usage): number => ((use(large).cpu - use(small).cpu) / 900) * 1_000;
  const ours = slope(({ up }) => up);
  const theirs = slope(({ bare }) => bare);
  return [
    {
      name: '1,000 local machines: wall time against a bare client',
      value: large.up.wall / large.bare.wall,
      unit: '×',
      limit: 2.5,
      detail: `${large.up.wall.toFixed(2)} s against ${large.bare.wall.toFixed(2)} s`,
    },
    {
      name: 'CPU per machine, slope from 100 to 1,000, against a bare client',
      value: ours / theirs,
      unit: '×',
      limit: 2.5,
      detail: `${ours.toFixed(2)} ms against ${theirs.toFixed(2)} ms`,
    },
    {
      name: 'wall time from 100 to 1,000 local machines',
      value: large.up.wall / small.up.wall,
      unit: '×',
      limit: 12,
      detail: `${small.up.wall.toFixed(2)} s and ${large.up.wall.toFixed(2)} s`,
    },
    {
      name: 'peak memory of plan up, 1,000 local machines',
      value: large.up.peak,
      unit: 'MB',
      limit: 250,
      detail: `bare client ${large.bare.peak.toFixed(0)} MB`,
    },
  ];
}
