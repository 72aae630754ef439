import { describe, expect, it } from 'vitest';
import type { LaunchBatch } from '../../src/providers/provider.ts';
import { ProviderError } from '../../src/providers/provider.ts';
import type { CloudFault, FakeCloud, FakeCloudOptions } from './fake-cloud.ts';
import { createFakeCloud } from './fake-cloud.ts';
import { launchRequest } from './launch-request.ts';
import { createVirtualClock } from './virtual-clock.ts';

const tags = { deployment: 'stack', uuid: 'uuid-1', owner: 'tester', state: 'here' };
const request = launchRequest({ tags });
const cancel = { signal: new AbortController().signal };

function batchOf(count: number, min = 1, token = 'token-1'): LaunchBatch {
  const machines = Array.from({ length: count }, (_, index) => ({ name: `web-${index}`, generation: 1 }));
  return { token, machines, min, request };
}

function begin(options: Omit<FakeCloudOptions, 'clock'> = {}) {
  const clock = createVirtualClock();
  return {
    clock,
    cloud: createFakeCloud({ ...options, clock }),
    sleep: (ms: number) => clock.sleep(ms, cancel),
  };
}

/** What goes wrong with the next call alone. */
function next(cloud: FakeCloud, fault: CloudFault): void {
  cloud.fault = () => {
    cloud.fault = () => null;
    return fault;
  };
}

async function stateOf(cloud: FakeCloud, id: string): Promise<string | undefined> {
  return (await cloud.describe([id], cancel)).get(id)?.state;
}

async function listed(cloud: FakeCloud): Promise<readonly string[]> {
  return (await cloud.list(tags, cancel)).map(({ id }) => id);
}

describe('the fake cloud', () => {
  it('launches once per token and answers the same again', async () => {
    const { cloud } = begin();
    const answer = { kind: 'launched', ids: ['i-1', 'i-2'], whyFewer: null };
    expect(await cloud.launch(batchOf(2), cancel)).toEqual(answer);
    expect(await cloud.launch(batchOf(2), cancel)).toEqual(answer);
    expect(cloud.alive()).toEqual(['web-0', 'web-1']);
    expect(cloud.calls.launch).toBe(2);
  });

  it('takes its time to boot and to end', async () => {
    const { cloud, sleep } = begin({ bootTime: 100, endTime: 50 });
    await cloud.launch(batchOf(1), cancel);
    expect(await stateOf(cloud, 'i-1')).toBe('pending');
    await sleep(100);
    expect([await stateOf(cloud, 'i-1'), cloud.isRunning('i-1')]).toEqual(['running', true]);
    expect((await cloud.terminate(['i-1', 'i-9'], cancel)).get('i-9')).toEqual({ kind: 'accepted' });
    expect(await stateOf(cloud, 'i-1')).toBe('terminating');
    await sleep(50);
    expect([await stateOf(cloud, 'i-1'), cloud.aliveIds()]).toEqual(['terminated', []]);
    expect(await listed(cloud)).toEqual([]);
  });

  it('does not show a machine at once', async () => {
    const { cloud, sleep } = begin({ visibleAfter: 200, consistencyDelay: 300 });
    await cloud.launch(batchOf(1), cancel);
    expect([await stateOf(cloud, 'i-1'), await listed(cloud)]).toEqual(['unknown', []]);
    await sleep(200);
    expect([await stateOf(cloud, 'i-1'), await listed(cloud)]).toEqual(['running', ['i-1']]);
    expect(await cloud.list({ uuid: 'another' }, cancel)).toEqual([]);
  });

  it('remembers what it prepared', async () => {
    const { cloud } = begin();
    await cloud.prepare(tags, [], cancel);
    expect([...cloud.prepared]).toEqual(['uuid-1']);
    await cloud.release(tags, cancel);
    expect([...cloud.prepared]).toEqual([]);
  });

  it('refuses, fills short, keeps what cannot die, and breaks, when asked to', async () => {
    const { cloud } = begin();
    cloud.refuse(1, 70);
    const full = { kind: 'refused', message: 'the fake cloud is full', retryAfter: 70 };
    expect(await cloud.launch(batchOf(2), cancel)).toEqual(full);
    cloud.capacity = 1;
    expect(await cloud.launch(batchOf(2, 2), cancel)).toMatchObject({ kind: 'refused', retryAfter: null });
    expect(await cloud.launch(batchOf(2), cancel)).toMatchObject({ ids: ['i-1', null] });
    cloud.undying.add('web-0');
    expect((await cloud.terminate(['i-1'], cancel)).get('i-1')?.kind).toBe('cannot');
    cloud.break('list');
    await expect(cloud.list(tags, cancel)).rejects.toThrow(ProviderError);
    cloud.mend('list');
    expect(await listed(cloud)).toEqual(['i-1']);
    cloud.stillborn.add('web-0');
    expect(await stateOf(cloud, 'i-1')).toBe('terminated');
  });
});

describe('a fault of the fake cloud', () => {
  it.each([
    [{ kind: 'fails' }, null],
    [{ kind: 'throttles', retryAfter: 40 }, 40],
  ] as const)('%j has no effect', async (fault, retryAfter) => {
    const { cloud } = begin();
    next(cloud, fault);
    await expect(cloud.launch(batchOf(1), cancel)).rejects.toMatchObject({
      name: 'ProviderError',
      retryAfter,
    });
    expect(cloud.alive()).toEqual([]);
  });

  it('loses an answer and not its effect', async () => {
    const { cloud } = begin();
    next(cloud, { kind: 'loses' });
    await expect(cloud.launch(batchOf(1), cancel)).rejects.toThrow(ProviderError);
    expect(cloud.alive()).toEqual(['web-0']);
    expect(await cloud.launch(batchOf(1), cancel)).toMatchObject({ ids: ['i-1'] });
  });

  it('is late, and goes on when its caller is gone', async () => {
    const { cloud, clock, sleep } = begin();
    const from = clock.now();
    next(cloud, { kind: 'late', by: 100 });
    const caller = new AbortController();
    const answer = cloud.launch(batchOf(1), { signal: caller.signal });
    caller.abort();
    await sleep(49);
    expect(cloud.alive()).toEqual([]);
    await sleep(1);
    expect(cloud.alive()).toEqual(['web-0']);
    await answer;
    expect(clock.now() - from).toBe(100);
  });

  it('arrives twice, which a token makes harmless', async () => {
    const { cloud, sleep } = begin();
    next(cloud, { kind: 'twice', after: 10 });
    await cloud.launch(batchOf(1), cancel);
    await sleep(20);
    expect(cloud.instances).toHaveLength(1);
  });

  it('gives a machine fewer, if `min` allows it', async () => {
    const { cloud } = begin();
    next(cloud, { kind: 'short' });
    expect(await cloud.launch(batchOf(2), cancel)).toMatchObject({ ids: ['i-1', null] });
    next(cloud, { kind: 'short' });
    expect(await cloud.launch(batchOf(2, 2, 'token-2'), cancel)).toMatchObject({ ids: ['i-2', 'i-3'] });
  });

  it('ends a machine by itself', async () => {
    const { cloud } = begin();
    await cloud.launch(batchOf(2), cancel);
    next(cloud, { kind: 'ends', nth: 3 });
    expect(await listed(cloud)).toEqual(['i-1']);
  });
});

describe('power of the fake cloud', () => {
  it('stops in its time, and starts what is off', async () => {
    const { cloud, sleep } = begin({ stopTime: 100 });
    await cloud.launch(batchOf(1), cancel);
    const state = async () => (await cloud.describe(['i-1'], cancel)).get('i-1')?.state;
    await cloud.stop(['i-1'], cancel);
    expect(await state()).toBe('stopping');
    expect((await cloud.start(['i-1'], cancel)).get('i-1')?.kind).toBe('not-yet');
    await sleep(100);
    await cloud.stop(['i-1'], cancel);
    expect(await state()).toBe('stopped');
    await cloud.start(['i-1'], cancel);
    expect(await state()).toBe('running');
  });
});
