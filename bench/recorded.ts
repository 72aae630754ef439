import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHarness } from '../test/support/harness.ts';

/** Records a ready deployment of many machines, without any machine, and prints the directory that holds its state. */
const kept = await mkdtemp(join(tmpdir(), 'plan-bench-'));
{
  await using harness = await createHarness();
  const plan = await harness.plan(`
version: 1
name: bench
levels:
  - name: all
    services:
      node: { count: ${process.argv[2] ?? '1'}, bootstrap: { run: "true" }, verify: { run: "true" } }
`);
  await harness.up(plan);
  await harness.store[Symbol.asyncDispose]();
  await cp(harness.directory, kept, { recursive: true });
}
process.stdout.write(kept);
