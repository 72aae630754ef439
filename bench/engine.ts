import { createHarness } from '../test/support/harness.ts';

/** Brings machines up whose provider answers at once and whose connections are fakes; prints CPU ms per machine. */
const machines = Number(process.argv[2]);

await using harness = await createHarness({ batchLimit: machines });
const plan = await harness.plan(`
version: 1
name: bench
levels:
  - name: all
    services:
      node: { count: ${machines}, bootstrap: { run: "true" }, verify: { run: "true" } }
`);
const before = process.cpuUsage();
const { outcome } = await harness.up(plan);
const { user, system } = process.cpuUsage(before);
if (outcome !== 'succeeded') throw new Error(`The operation ${outcome}.`);
process.stdout.write(JSON.stringify({ perMachine: (user + system) / 1_000 / machines }));
