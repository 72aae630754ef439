import type { EC2Client } from '@aws-sdk/client-ec2';
import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeVpcsCommand,
  RunInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/clock.ts';
import { clockWith } from '../../../src/clock.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import type { Ec2Endpoint, Ec2Options } from './endpoint.ts';
import { startEc2Endpoint } from './endpoint.ts';
import { AWS_LIMITS } from './throttle.ts';
import { clientOf, errorOf, launchOf } from './trial.ts';

let endpoint: Ec2Endpoint;
let client: EC2Client;

async function start(options: Ec2Options): Promise<void> {
  endpoint = await startEc2Endpoint(options);
  client = clientOf(endpoint);
}

afterEach(async () => {
  client.destroy();
  await endpoint[Symbol.asyncDispose]();
});

/** A clock that the test puts forward. */
function createHandClock(): Clock & { forward(milliseconds: number): void } {
  let now = 1_000_000;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  return {
    ...clockWith({
      now: () => now,
      after(milliseconds, callback) {
        const timer = { at: now + milliseconds, callback };
        timers.add(timer);
        return () => {
          timers.delete(timer);
        };
      },
    }),
    forward(milliseconds) {
      now += milliseconds;
      for (const timer of [...timers]) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.callback();
      }
    },
  };
}

async function launch(count = 1): Promise<readonly string[]> {
  const { Instances = [] } = await client.send(
    new RunInstancesCommand(launchOf(endpoint, { MinCount: count, MaxCount: count })),
  );
  return Instances.map(({ InstanceId = '' }) => InstanceId);
}

async function described(InstanceIds?: readonly string[]): Promise<readonly string[]> {
  const input = InstanceIds === undefined ? {} : { InstanceIds: [...InstanceIds] };
  const { Reservations = [] } = await client.send(new DescribeInstancesCommand(input));
  return Reservations.flatMap(({ Instances = [] }) =>
    Instances.map(({ State, Tags = [] }) => [State?.Name, ...Tags.map(({ Key }) => Key)].join(' ')),
  );
}

describe('time', () => {
  it('takes an instance from state to state', async () => {
    const clock = createHandClock();
    await start({ clock, settings: { bootTime: 30, stopTime: 20, endTime: 10, terminatedVisibleFor: 60 } });
    const ids = await launch();
    expect(await described(ids)).toEqual(['pending']);
    expect(await errorOf(client.send(new StopInstancesCommand({ InstanceIds: [...ids] })))).toContain(
      'IncorrectInstanceState (400)',
    );
    clock.forward(30);
    expect(await described(ids)).toEqual(['running']);
    await client.send(new StopInstancesCommand({ InstanceIds: [...ids] }));
    expect(await described(ids)).toEqual(['stopping']);
    clock.forward(20);
    expect(await described(ids)).toEqual(['stopped']);
    await client.send(new TerminateInstancesCommand({ InstanceIds: [...ids] }));
    expect(await described(ids)).toEqual(['shutting-down']);
    clock.forward(10);
    expect(await described(ids)).toEqual(['terminated']);
    clock.forward(59);
    expect(await described()).toEqual(['terminated']);
    clock.forward(1);
    expect(await described()).toEqual([]);
    expect(await errorOf(described(ids))).toContain('InvalidInstanceID.NotFound');
  });

  it('may be virtual', async () => {
    const clock = createVirtualClock();
    await start({ clock, settings: { bootTime: 30_000 } });
    const ids = await launch();
    expect(await described(ids)).toEqual(['pending']);
    await clock.sleep(30_000, { signal: AbortSignal.timeout(5000) });
    expect(await described(ids)).toEqual(['running']);
  });
});

describe('lag', () => {
  it('hides a launch, and then a change of tags', async () => {
    const clock = createHandClock();
    await start({ clock, settings: { lag: 5 } });
    const ids = await launch();
    const tag = new CreateTagsCommand({ Resources: [...ids], Tags: [{ Key: 'a', Value: 'b' }] });
    expect(await errorOf(described(ids))).toContain('InvalidInstanceID.NotFound');
    expect(await errorOf(client.send(tag))).toContain('InvalidInstanceID.NotFound');
    expect(await described()).toEqual([]);
    clock.forward(5);
    expect(await described(ids)).toEqual(['running']);
    await client.send(tag);
    expect(await described()).toEqual(['running']);
    expect(endpoint.instances()[0]?.tags).toEqual({ a: 'b' });
    clock.forward(5);
    expect(await described()).toEqual(['running a']);
  });
});

describe('throttling', () => {
  it('draws from buckets that fill again', async () => {
    const clock = createHandClock();
    await start({
      clock,
      limits: { describing: { size: 2, perSecond: 1 }, mutating: { size: 1, perSecond: 1 } },
    });
    await launch();
    await described();
    await described();
    expect(await errorOf(described())).toBe('RequestLimitExceeded (503): Request limit exceeded.');
    expect(await errorOf(launch())).toContain('RequestLimitExceeded');
    clock.forward(999);
    expect(await errorOf(described())).toContain('RequestLimitExceeded');
    clock.forward(1);
    await described();
    await launch();
    expect(await errorOf(described())).toContain('RequestLimitExceeded');
    endpoint.throttle(null);
    await described();
    expect(endpoint.calls.filter(({ error }) => error === 'RequestLimitExceeded')).toHaveLength(4);
  });

  it('counts the instances that a request is about', async () => {
    const clock = createHandClock();
    await start({ clock });
    endpoint.throttle({
      actions: { RunInstances: { size: 10, perSecond: 2 } },
      resources: { RunInstances: { size: 10, perSecond: 2 } },
    });
    await launch(9);
    expect(await errorOf(launch(2))).toContain('RequestLimitExceeded');
    await launch(1);
    clock.forward(1000);
    await launch(2);
  });

  it('has the limits that AWS documents', async () => {
    await start({ clock: createHandClock(), limits: AWS_LIMITS });
    for (let i = 0; i < 5; i += 1) await launch();
    expect(await errorOf(launch())).toContain('RequestLimitExceeded');
    await described();
  });
});

describe('a fault', () => {
  it('cuts the connection before the effect or after it', async () => {
    await start({});
    endpoint.break('RunInstances', { how: 'drop-before' });
    expect(await errorOf(launch())).toMatch(/ECONNRESET|socket hang up/);
    expect(endpoint.instances()).toEqual([]);
    endpoint.break('RunInstances', { how: 'drop-after-effect', times: 2 });
    expect(await errorOf(launch())).toMatch(/ECONNRESET|socket hang up/);
    expect(await errorOf(launch())).toMatch(/ECONNRESET|socket hang up/);
    expect(endpoint.instances()).toHaveLength(2);
    await launch();
    expect(endpoint.calls.map(({ action }) => action)).toEqual(
      Array.from({ length: 4 }, () => 'RunInstances'),
    );
  });

  it('has its effect after the connection was cut', async () => {
    const clock = createHandClock();
    await start({ clock });
    endpoint.break('RunInstances', { how: 'late-effect', by: 1000, times: 2 });
    expect(await errorOf(launch())).toMatch(/ECONNRESET|socket hang up/);
    clock.forward(999);
    expect(await described()).toEqual([]);
    clock.forward(1);
    await expect.poll(() => endpoint.instances().length).toBe(1);
    expect(await errorOf(launch())).toMatch(/ECONNRESET|socket hang up/);
  });

  it('answers errors without the effect', async () => {
    await start({});
    endpoint.break('RunInstances', { how: 'status-500' });
    endpoint.break('RunInstances', { how: 'error', code: 'PendingVerification' });
    endpoint.break('RunInstances', { how: 'error', code: 'Blocked', message: 'No.', status: 409 });
    expect(await errorOf(launch())).toBe('InternalError (500): An internal error has occurred');
    expect(await errorOf(launch())).toContain('PendingVerification (400): ');
    expect(await errorOf(launch())).toBe('Blocked (409): No.');
    expect(endpoint.instances()).toEqual([]);
  });

  it('delays an answer', async () => {
    const clock = createHandClock();
    await start({ clock });
    endpoint.break('DescribeVpcs', { how: 'delay', by: 100 });
    const call = client.send(new DescribeVpcsCommand({}));
    await expect.poll(() => endpoint.calls.length).toBe(1);
    expect(await Promise.race([call, described().then(() => 'first')])).toBe('first');
    clock.forward(100);
    expect((await call).Vpcs).toHaveLength(1);
  });

  it('is got over by the SDK when it asks again', async () => {
    await start({});
    const patient = clientOf(endpoint, { maxAttempts: 3 });
    endpoint.break('RunInstances', { how: 'drop-after-effect' });
    const { Instances } = await patient.send(
      new RunInstancesCommand(launchOf(endpoint, { ClientToken: 'once' })),
    );
    patient.destroy();
    expect(Instances).toHaveLength(1);
    expect(endpoint.instances()).toHaveLength(1);
  });
});
