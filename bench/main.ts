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
import type { Results } from './peers/contest.ts';
import { peerRows } from './peers/peer-rows.ts';
import { resumeRows } from './resume-row.ts';
import { isMissed, table } from './row.ts';
import { statusRow } from './status-row.ts';

/** Every figure that has a limit is a ratio within this run, or a slope: the machine's own speed does not show. */
async function ownRows(): Promise<Results> {
  const rows = [
    await statusRow(),
    ...(await ec2LazyRows()),
    ...(await resumeRows()),
    await levelsRow(),
    await engineRow(),
    await historyRow(),
    ...(await machineRows()),
    ...(await ec2Rows()),
  ];
  return { rows, missing: [] };
}

const isPeers = process.argv.includes('--peers');
const { rows, missing } = isPeers ? await peerRows() : await ownRows();
const machine = { node: process.version, processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length };
const file = isPeers ? 'bench/results-peers.json' : 'bench/results.json';
await writeFile(join(ROOT, file), `${JSON.stringify({ machine, rows, missing }, null, 2)}\n`);
if (rows.length > 0) process.stdout.write(`${table(rows)}\n`);
for (const why of missing) process.stderr.write(`Cannot measure: ${why}\n`);
if (missing.length > 0 || rows.some(isMissed)) process.exitCode = 1;
