import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { ec2LazyRows } from './ec2-lazy-rows.ts';
import { ec2Rows } from './ec2-rows.ts';
import { engineRow } from './engine-row.ts';
import { historyRow } from './history-row.ts';
import { levelsRow } from './levels-row.ts';
import { machineRows } from './machines.ts';
import { ROOT } from './paths.ts';
import { resumeRows } from './resume-row.ts';
import type { Row } from './row.ts';
import { table } from './row.ts';
import { statusRow } from './status-row.ts';

/** Every figure that has a limit is a ratio within this run, or a slope: the machine's own speed does not show. */
const rows: Row[] = [
  await statusRow(),
  ...(await ec2LazyRows()),
  ...(await resumeRows()),
  await levelsRow(),
  await engineRow(),
  await historyRow(),
  ...(await machineRows()),
  ...(await ec2Rows()),
];
const machine = { node: process.version, processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length };
await writeFile(join(ROOT, 'bench/results.json'), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
process.stdout.write(`${table(rows)}\n`);
