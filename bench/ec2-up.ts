import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Ec2Address } from '../test/support/ec2-operation.ts';
import { ec2Operations } from '../test/support/ec2-operation.ts';
import { program } from './paths.ts';

/**
 * Brings machines of one service up on an EC2 endpoint in another process, reached by fake connections; prints the
 * seconds from the beginning of the operation until the last machine is recorded as running, and the calls.
 */
const machines = Number(process.argv[2]);
const boot = Number(process.argv[3]);

const cloud = spawn(process.execPath, [program('ec2-cloud'), `${boot}`], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
try {
  const [line] = (await once(createInterface({ input: cloud.stdout }), 'line')) as [string];
  await using operations = await ec2Operations(JSON.parse(line) as Ec2Address, { machines });
  const cpuBefore = process.cpuUsage();
  const begun = Date.now();
  const { outcome } = await operations.up();
  const { user, system } = process.cpuUsage(cpuBefore);
  if (outcome !== 'succeeded') throw new Error(`The operation ${outcome}.`);
  const ran = operations.events.flatMap((event) =>
    event.type === 'fact' && event.fact.type === 'machine-running' ? [event.fact.at] : [],
  );
  if (ran.length !== machines) throw new Error(`${ran.length} machines are recorded as running.`);
  const [calls = {}] = operations.events.flatMap((event) =>
    event.type === 'api-calls' ? [event.calls] : [],
  );
  process.stdout.write(
    JSON.stringify({
      running: (Math.max(...ran) - begun) / 1_000,
      cpu: (user + system) / 1e6,
      calls,
    }),
  );
} finally {
  cloud.stdin.end();
  if (cloud.exitCode === null) await once(cloud, 'exit');
}
