import { AWS_LIMITS } from '../test/support/ec2/throttle.ts';
import { measure } from './measure.ts';
import { program } from './paths.ts';
import type { Row } from './row.ts';

const MACHINES = 1_000;
/** Machines that EC2 launches in one call without answering late. */
const PER_CALL = 100;
/** Milliseconds from launch to running; machines of AWS take about three times as long, which hides more. */
const BOOT = 10_000;

interface Run {
  readonly running: number;
  readonly cpu: number;
  readonly calls: Readonly<Record<string, number>>;
}

/** Machines of one service on an EC2 endpoint that has AWS's limits, until all are recorded as running. */
export async function ec2Rows(): Promise<readonly Row[]> {
  const { stdout } = await measure([program('ec2-up'), `${MACHINES}`, `${BOOT}`]);
  const { running, cpu, calls } = JSON.parse(stdout) as Run;
  const floor = BOOT / 1_000 + launching();
  const made = Object.values(calls).reduce((sum, count) => sum + count, 0);
  const { RunInstances = 0, DescribeInstances = 0, CreateTags = 0 } = calls;
  return [
    {
      name: "1,000 machines on EC2: recorded as running, against boot and the API's limits",
      value: running / floor,
      unit: '×',
      limit: 1.25,
      detail: `${running.toFixed(2)} s against ${floor.toFixed(2)} s; ${cpu.toFixed(2)} s of CPU`,
    },
    {
      name: 'the same: calls of the API per machine',
      value: made / MACHINES,
      unit: 'calls',
      limit: null,
      detail: `RunInstances ${RunInstances}, DescribeInstances ${DescribeInstances}, CreateTags ${CreateTags}, others ${made - RunInstances - DescribeInstances - CreateTags}`,
    },
  ];
}

/**
 * Seconds until the last launching call is let through when every one comes at the first moment at which it is: what a
 * full bucket does not hold comes back at its rate, of calls and of machines alike.
 */
function launching(): number {
  const calls = AWS_LIMITS.actions?.['RunInstances'] ?? { size: Infinity, perSecond: 1 };
  const machines = AWS_LIMITS.resources?.['RunInstances'] ?? { size: Infinity, perSecond: 1 };
  return Math.max(
    0,
    (MACHINES / PER_CALL - calls.size) / calls.perSecond,
    (MACHINES - machines.size) / machines.perSecond,
  );
}
