import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../src/state/sqlite-store.ts';
import { measure, median } from './measure.ts';
import { CLI } from './paths.ts';
import type { Row } from './row.ts';

const SLEEP = JSON.stringify('sleep 0.2');
const PLAN = `
version: 1
name: bench
levels:
${Array.from({ length: 10 }, (_, i) => `  - { name: level${i}, services: { s${i}x: { bootstrap: { run: ${SLEEP} }, verify: { run: ${SLEEP} } } } }`).join('\n')}
`;

/** Ten levels of one machine whose scripts sleep 4 s in all: what the engine adds between them. */
export async function levelsRow(): Promise<Row> {
  const spans: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const directory = await mkdtemp(join(tmpdir(), 'plan-bench-'));
    const state = join(directory, 'state');
    const flags = ['--state-dir', state, '--progress', 'quiet'];
    try {
      await writeFile(join(directory, 'plan.yml'), PLAN);
      await measure([CLI, 'up', join(directory, 'plan.yml'), ...flags]);
      spans.push(await span(state));
      await measure([CLI, 'down', '--yes', ...flags]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  return {
    name: 'ten levels of one machine, scripts of 4 s in all: first start to last end',
    value: median(spans) / 4,
    unit: '×',
    limit: 1.15,
    detail: `${median(spans).toFixed(2)} s`,
  };
}

/** Seconds from the first step's start to the last step's end. */
async function span(stateDirectory: string): Promise<number> {
  await using store = await openSqliteStore(stateDirectory);
  const [deployment] = await store.list();
  const events = await store.events(deployment?.uuid ?? '', { after: 0, limit: 10_000 });
  const steps = events.filter(
    ({ fact }) => fact.type === 'launch-requested' || fact.type === 'step-succeeded',
  );
  return ((steps.at(-1)?.fact.at ?? 0) - (steps[0]?.fact.at ?? 0)) / 1_000;
}
