import { createHarness } from '../test/support/harness.ts';

/**
 * Brings a deployment up again and again with another environment, so that its history grows, and prints the CPU ms
 * per fact of an early and of a late round, and the growth of the heap between them in MB.
 */
const ROUNDS = 40;
const MACHINES = 100;

await using harness = await createHarness();

async function round(value: number): Promise<number> {
  const plan = await harness.plan(`
version: 1
name: bench
levels:
  - name: all
    services:
      node: { count: ${MACHINES}, env: { ROUND: "${value}" }, bootstrap: { run: "true" }, verify: { run: "true" } }
`);
  harness.events.length = 0;
  harness.machines.executions.length = 0;
  const before = process.cpuUsage();
  await harness.up(plan);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / harness.events.filter(({ type }) => type === 'fact').length;
}

function heap(): number {
  global.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

for (let i = 0; i < 5; i += 1) await round(i);
const early: number[] = [];
const late: number[] = [];
for (let i = 5; i < 10; i += 1) early.push(await round(i));
const before = heap();
for (let i = 10; i < ROUNDS; i += 1) await round(i);
const growth = heap() - before;
for (let i = ROUNDS; i < ROUNDS + 5; i += 1) late.push(await round(i));
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
process.stdout.write(JSON.stringify({ early: mean(early), late: mean(late), growth }));
