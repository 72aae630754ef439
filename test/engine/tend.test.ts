import { describe, expect, it } from 'vitest';
import type { HarnessOptions } from '../support/harness.ts';
import { createHarness, ran, summary } from '../support/harness.ts';
import { forecast } from '../../src/engine/forecast.ts';
import type { Pace } from '../../src/engine/tend-goal.ts';
import type { Verb } from '../support/tending.ts';
import { BATCH, SERIAL, VERBS, ends, tend } from '../support/tending.ts';

/** Levels whose later ones mention the earlier ones, and scripts for everything. */
const STACK = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { bootstrap: { run: "true" }, verify: { run: "true" }, teardown: { run: "true" } }
  - name: app
    services:
      web:
        count: 3
        env: { DB: "{{services.db.hostname}}" }
        bootstrap: { run: "true" }
        verify: { run: "true", attempts: 1 }
        teardown: { run: "true" }
`;

const fleet = (count: number | string, more = ''): string => `
version: 1
name: stack
levels:
  - name: one
    services:
      web: { count: ${count}${more} }
`;

async function ready(text: string, options: HarnessOptions = {}) {
  const harness = await createHarness({ store: 'memory', ...options });
  const plan = await harness.plan(text);
  const { outcome, state } = await harness.up(plan);
  if (outcome !== 'succeeded') throw new Error(summary(state));
  return { harness, plan, cloud: harness.cloud };
}

const forever = { signal: new AbortController().signal };

/** The provider's calls that it took, apart from questions. */
async function callsOf(
  { cloud }: Awaited<ReturnType<typeof ready>>,
  work: () => Promise<unknown>,
): Promise<Readonly<Record<string, number>>> {
  const before = { ...cloud.calls };
  await work();
  const made = Object.entries(cloud.calls).map(
    ([call, count]) => [call, count - before[call as keyof typeof before]] as const,
  );
  return Object.fromEntries(made.filter(([, count]) => count > 0));
}

describe.each(VERBS)('%s', (verb: Verb) => {
  it('of a deployment without machines does nothing', async () => {
    const space = await ready(fleet(0));
    const calls = await callsOf(space, async () => {
      const { outcome, worked, machines } = await tend(space.harness, verb, space.plan);
      expect({ outcome, worked, machines }).toEqual({ outcome: 'succeeded', worked: false, machines: [] });
    });
    expect(calls).toEqual({});
  });

  it('of a deployment that was taken down does nothing', async () => {
    const space = await ready(STACK);
    await space.harness.down(space.plan);
    const calls = await callsOf(space, async () => {
      const result = await tend(space.harness, verb, space.plan);
      expect(result).toMatchObject({ outcome: 'succeeded', worked: false });
      expect(ends(result)).toEqual(
        ['db-0', 'web-0', 'web-1', 'web-2'].map((name) => `${name} absent terminated`),
      );
    });
    expect(calls).toEqual({});
  });

  it('of a deployment that there is not is a mistake', async () => {
    await using harness = await createHarness({ store: 'memory' });
    const plan = await harness.plan(fleet(1));
    await expect(tend(harness, verb, plan)).rejects.toThrow('There is no deployment "stack"');
  });

  it('touches no machine that was not selected', async () => {
    const { harness, plan, cloud } = await ready(STACK);
    const before = (await harness.store.load('stack'))?.machines;
    const { state, machines } = await tend(harness, verb, plan, { machines: ['web-1'] });
    expect(machines.map(({ machine }) => machine)).toEqual(['web-1']);
    for (const name of ['db-0', 'web-0', 'web-2'])
      expect(state.machines.get(name)).toEqual({ ...before?.get(name), tries: {} });
    expect(cloud.instances).toHaveLength(verb === 'replace' ? 5 : 4);
  });

  it('is interrupted by a signal, and says how far it came', async () => {
    const { harness, plan } = await ready(STACK, { bootTime: 500, stopTime: 500, connectTakes: 500 });
    const stopping = new AbortController();
    const going = tend(harness, verb, plan, { pace: SERIAL, signal: stopping.signal });
    harness.clock.after(700, () => stopping.abort(new Error('enough')));
    const { outcome, machines } = await going;
    if (verb === 'start') expect(outcome).toBe('succeeded');
    else {
      expect(outcome).toBe('interrupted');
      expect(machines.map(({ became }) => became)).toContain('not-reached');
    }
  });
});

describe('stop()', () => {
  it('stops levels in reverse order with one call each, and keeps what machines hold', async () => {
    const space = await ready(STACK, { stopTime: 300 });
    const { harness, plan, cloud } = space;
    const scripts = ran(harness.machines).length;
    const calls = await callsOf(space, async () => {
      const result = await tend(harness, 'stop', plan);
      expect(result).toMatchObject({ outcome: 'succeeded', worked: true });
      expect(summary(result.state)).toBe('db-0 stopped\nweb-0 stopped\nweb-1 stopped\nweb-2 stopped');
    });
    expect(calls).toMatchObject({ stop: 2 });
    expect(calls).not.toHaveProperty('prepare');
    expect(ran(harness.machines)).toHaveLength(scripts);
    const stopped = harness.events.flatMap((event) =>
      event.type === 'fact' && event.fact.type === 'machine-stopped' ? [event.fact.machine] : [],
    );
    expect(stopped.at(-1)).toBe('db-0');
    expect(cloud.alive()).toHaveLength(4);
    expect(await tend(harness, 'stop', plan)).toMatchObject({ outcome: 'succeeded', worked: false });
  });

  it('with teardown runs it first, and what starts again is bootstrapped again', async () => {
    const { harness, plan } = await ready(STACK);
    let before = ran(harness.machines).length;
    const stopped = await tend(harness, 'stop', plan, { teardown: true });
    expect(stopped.outcome).toBe('succeeded');
    expect(ran(harness.machines).slice(before).toSorted()).toEqual(
      ['db-0', 'web-0', 'web-1', 'web-2'].map((name) => `${name} teardown`),
    );
    before = ran(harness.machines).length;
    const { outcome, state } = await tend(harness, 'start', plan);
    expect([outcome, summary(state)]).toEqual([
      'succeeded',
      'db-0 ready\nweb-0 ready\nweb-1 ready\nweb-2 ready',
    ]);
    const again = ran(harness.machines).slice(before);
    expect(again.filter((line) => line.endsWith('bootstrap'))).toHaveLength(4);
    expect((await harness.up(plan)).worked).toBe(false);
    // Its end is another one.
    before = ran(harness.machines).length;
    expect((await tend(harness, 'stop', plan, { teardown: true, machines: ['web-0'] })).outcome).toBe(
      'succeeded',
    );
    expect(ran(harness.machines).slice(before)).toEqual(['web-0 teardown']);
  });

  it('goes on after a teardown that fails, and says so', async () => {
    const { harness, plan } = await ready(STACK, {
      behave: (machine, step) => ({ exitCode: machine === 'web-1' && step === 'teardown' ? 3 : 0 }),
    });
    const result = await tend(harness, 'stop', plan, { teardown: true });
    expect(result.outcome).toBe('failed');
    expect(ends(result)).toEqual([
      'db-0 done stopped',
      'web-0 done stopped',
      expect.stringMatching(/^web-1 failed stopped \(teardown: /),
      'web-2 done stopped',
    ]);
  });

  it('leaves a machine that its provider does not stop as it was', async () => {
    const { harness, plan, cloud } = await ready(STACK);
    cloud.stop = (ids) =>
      Promise.resolve(new Map(ids.map((id) => [id, { kind: 'cannot', why: 'it has no switch' }])));
    const before = ran(harness.machines).length;
    const result = await tend(harness, 'stop', plan);
    expect(result.outcome).toBe('failed');
    expect(ends(result)).toEqual(
      ['db-0', 'web-0', 'web-1', 'web-2'].map(
        (name) => `${name} failed ready (stop: Cannot stop: it has no switch)`,
      ),
    );
    expect((await harness.up(plan)).worked).toBe(false);
    expect(ran(harness.machines)).toHaveLength(before);
  });

  it('does not take what runs on for stopped', async () => {
    const { harness, plan, cloud } = await ready(fleet(1));
    const stop = cloud.stop.bind(cloud);
    let calls = 0;
    cloud.stop = (ids, cancel) => {
      calls += 1;
      return calls === 1
        ? Promise.resolve(new Map(ids.map((id) => [id, { kind: 'accepted' }])))
        : stop(ids, cancel);
    };
    expect(ends(await tend(harness, 'stop', plan))).toEqual(['web-0 done stopped']);
    expect(calls).toBe(2);
  });

  it('gives up when its time is over, and up goes on with what was being stopped', async () => {
    const { harness, plan } = await ready(fleet(1, ', timeouts: { terminate: 2s }'), { stopTime: 10_000 });
    expect(ends(await tend(harness, 'stop', plan))).toEqual([
      'web-0 failed failed (stop: The machine is not off after 2s: the provider says "stopping")',
    ]);
    const { outcome, state } = await harness.up(plan);
    expect([outcome, summary(state)]).toEqual(['succeeded', 'web-0 ready']);
    expect(harness.cloud.instances).toHaveLength(1);
  });

  it('goes on with one that an earlier stop gave up', async () => {
    const { harness, plan, cloud } = await ready(fleet(1), { stopTime: 500 });
    cloud.break('stop');
    expect((await tend(harness, 'stop', plan)).outcome).toBe('failed');
    cloud.mend('stop');
    expect(ends(await tend(harness, 'stop', plan))).toEqual(['web-0 done stopped']);
  });
});

describe('what is stopped', () => {
  it('is started by up, level by level, and not bootstrapped again', async () => {
    const { harness, plan, cloud } = await ready(STACK, { bootTime: 300 });
    await tend(harness, 'stop', plan);
    const before = ran(harness.machines).length;
    const { outcome, state } = await harness.up(plan);
    expect([outcome, summary(state)]).toEqual([
      'succeeded',
      'db-0 ready\nweb-0 ready\nweb-1 ready\nweb-2 ready',
    ]);
    expect(ran(harness.machines).slice(before)).toEqual(
      ['db-0', 'web-0', 'web-1', 'web-2'].map((name) => `${name} verify`),
    );
    expect(cloud.calls.start).toBe(2);
    expect(cloud.instances).toHaveLength(4);
  });

  it('is foretold to go on by diff', async () => {
    const { harness, plan } = await ready(STACK);
    await tend(harness, 'stop', plan, { machines: ['web-1'] });
    const state = await harness.store.load('stack');
    const fingerprint = (text: string): string => harness.store.fingerprint(text);
    const { differences } = forecast(plan, state, { fingerprint, retired: new Map() });
    expect(differences).toMatchObject([{ machine: 'web-1', action: 'continue', cause: 'it is stopped' }]);
  });

  it('is started by repair', async () => {
    const { harness, plan, cloud } = await ready(STACK);
    await tend(harness, 'stop', plan, { machines: ['web-1'] });
    expect((await harness.repair(plan)).outcome).toBe('succeeded');
    expect(cloud.instances).toHaveLength(4);
  });

  it('is made as the plan says by the up that starts it', async () => {
    const { harness, plan } = await ready(STACK);
    await tend(harness, 'stop', plan, { machines: ['web-1'] });
    const before = ran(harness.machines).length;
    const edited = await harness.plan(STACK.replace('env: {', 'env: { A: b,'));
    expect((await harness.up(edited)).outcome).toBe('succeeded');
    const bootstraps = ran(harness.machines)
      .slice(before)
      .filter((line) => line.endsWith('bootstrap'));
    expect(bootstraps.toSorted()).toEqual(['web-0 bootstrap', 'web-1 bootstrap', 'web-2 bootstrap']);
    expect((await harness.up(edited)).worked).toBe(false);
  });

  it('goes with down, without a teardown that nothing is left to run on', async () => {
    const { harness, plan, cloud } = await ready(STACK);
    await tend(harness, 'stop', plan, { machines: ['web-1'] });
    const before = ran(harness.machines).length;
    const { outcome } = await harness.down(plan);
    expect(outcome).toBe('succeeded');
    expect(cloud.alive()).toEqual([]);
    expect(ran(harness.machines).slice(before).toSorted()).toEqual([
      'db-0 teardown',
      'web-0 teardown',
      'web-2 teardown',
    ]);
    expect(harness.events).toContainEqual({
      type: 'warning',
      message: 'Machine "web-1" is not torn down: it is stopped',
    });
  });

  it('is replaced when the plan needs another instance', async () => {
    const { harness, plan, cloud } = await ready(fleet(2, ', image: a'));
    await tend(harness, 'stop', plan, { machines: ['web-1'] });
    const edited = await harness.plan(fleet(2, ', image: b, update: { maxUnavailable: 1 }'));
    expect((await harness.up(edited)).outcome).toBe('succeeded');
    expect(cloud.alive().toSorted()).toEqual(['web-0', 'web-1']);
    expect(cloud.instances).toHaveLength(4);
  });
});

describe('start()', () => {
  it('looks at what is taken for ready, and leaves it alone when it runs', async () => {
    const { harness, plan, cloud } = await ready(STACK);
    await cloud.stop(['i-2'], forever);
    const before = ran(harness.machines).length;
    const result = await tend(harness, 'start', plan);
    expect(ends(result)).toEqual([
      'db-0 already ready',
      'web-0 done ready',
      'web-1 already ready',
      'web-2 already ready',
    ]);
    expect(ran(harness.machines).slice(before)).toEqual(['web-0 verify']);
  });

  it('does not begin a level above one that failed', async () => {
    const { harness, plan, cloud } = await ready(STACK);
    await tend(harness, 'stop', plan);
    cloud.end('i-1');
    const result = await tend(harness, 'start', plan);
    expect(ends(result)).toEqual([
      'db-0 failed lost (launch: The machine is "terminated" at the provider)',
      'web-0 not-reached stopped',
      'web-1 not-reached stopped',
      'web-2 not-reached stopped',
    ]);
    expect(cloud.instances).toHaveLength(4);
  });
});

describe('the pace', () => {
  /** Most machines that were out of order at the same time. */
  function mostUnavailable(harness: Awaited<ReturnType<typeof ready>>['harness']): number {
    const away = new Set<string>();
    let most = 0;
    for (const event of harness.events) {
      if (event.type !== 'fact' || !('machine' in event.fact)) continue;
      const { type, machine } = event.fact;
      if (type === 'machine-revised') away.add(machine);
      if (type === 'machine-stopped' || (type === 'step-succeeded' && event.fact.step === 'verify'))
        away.delete(machine);
      most = Math.max(most, away.size);
    }
    return most;
  }

  const paces: readonly (readonly [string, Pace, number])[] = [
    ['all at once', BATCH, 6],
    ['two of a service', { maxUnavailable: 2, failFast: false }, 4],
    ['one by one', SERIAL, 1],
  ];
  const TWO = `
version: 1
name: stack
levels: [{ name: one, services: { web: { count: 3, verify: { run: "true" } }, app: { count: 3, verify: { run: "true" } } } }]
`;
  describe.each(['stop', 'reboot', 'replace'] as const)('of a %s', (verb) => {
    it.each(paces)('%s', async (_, pace, most) => {
      const { harness, plan } = await ready(TWO, { bootTime: 300, stopTime: 300 });
      harness.events.length = 0;
      const result = await tend(harness, verb, plan, { pace });
      expect(ends(result).filter((line) => !line.includes(' done '))).toEqual([]);
      expect(mostUnavailable(harness)).toBe(most);
    });
  });

  it('ends with a failure where it is to fail fast', async () => {
    const { harness, plan, cloud } = await ready(fleet(3));
    cloud.end('i-1');
    const result = await tend(harness, 'stop', plan, { pace: { ...SERIAL, failFast: true } });
    expect(ends(result)).toEqual([
      'web-0 failed lost (stop: The machine is "terminated" at the provider)',
      'web-1 not-reached ready',
      'web-2 not-reached ready',
    ]);
  });
});

describe('replaceMachines()', () => {
  it('renders those anew that depend on what is replaced', async () => {
    const { harness, plan, cloud } = await ready(STACK);
    const before = harness.machines.executions.length;
    const result = await tend(harness, 'replace', plan, { machines: ['db-0'] });
    expect(ends(result)).toEqual(['db-0 done ready']);
    const bootstraps = harness.machines.executions.slice(before).filter(({ step }) => step === 'bootstrap');
    expect(bootstraps.map(({ machine, run }) => `${machine} ${run.env['DB'] ?? ''}`)).toEqual([
      'db-0 ',
      'web-0 10.0.0.5',
      'web-1 10.0.0.5',
      'web-2 10.0.0.5',
    ]);
    expect(cloud.alive().toSorted()).toEqual(['db-0', 'web-0', 'web-1', 'web-2']);
  });

  it.each([
    ['one by one', SERIAL],
    ['one of a service', { maxUnavailable: 1, failFast: false }],
  ])('%s ends with a quota that the second one meets, and says what was not replaced', async (_, pace) => {
    const { harness, plan, cloud } = await ready(fleet('{ min: 1, max: 4 }'));
    const launch = cloud.launch.bind(cloud);
    let launches = 0;
    cloud.launch = (batch, cancel) => {
      launches += 1;
      // That its old machine ends makes no room.
      if (launches >= 2)
        return Promise.resolve({ kind: 'refused', message: 'VcpuLimitExceeded', retryAfter: null });
      return launch(batch, cancel);
    };
    const result = await tend(harness, 'replace', plan, { pace });
    expect(result).toMatchObject({ outcome: 'failed', worked: true });
    expect(ends(result)).toEqual([
      'web-0 done ready',
      'web-1 failed failed (launch: Cannot launch: VcpuLimitExceeded)',
      'web-2 not-reached ready',
      'web-3 not-reached ready',
    ]);
    expect(launches).toBe(3);
    expect(cloud.aliveIds().toSorted()).toEqual(['i-3', 'i-4', 'i-5']);
  });

  it('replaces what has failed, and leaves the others', async () => {
    const sick = new Set(['web-1']);
    const { harness, plan, cloud } = await ready(STACK.replace('count: 3', 'count: { min: 1, max: 3 }'), {
      behave: (machine, step) => ({ exitCode: step === 'verify' && sick.has(machine) ? 1 : 0 }),
    });
    sick.clear();
    const result = await tend(harness, 'replace', plan, {
      machines: ['web-1'],
      pace: { maxUnavailable: 1, failFast: false },
    });
    expect(ends(result)).toEqual(['web-1 done ready']);
    expect(cloud.instances.map(({ name }) => name)).toEqual(['db-0', 'web-0', 'web-1', 'web-2', 'web-1']);
  });
});

describe('machines that share others', () => {
  const SHARED = `
version: 1
name: stack
levels:
  - name: base
    services: { web: { count: 2, verify: { run: "true" } } }
  - name: top
    services: { agent: { colocate: web, verify: { run: "true" }, teardown: { run: "true" } } }
`;

  it('stop and start with these', async () => {
    const { harness, plan } = await ready(SHARED, { bootTime: 200, stopTime: 200 });
    const stopped = await tend(harness, 'stop', plan, { machines: ['web-0'], teardown: true });
    expect(ends(stopped)).toEqual(['web-0 done stopped', 'agent-0 done stopped']);
    expect(ran(harness.machines).at(-1)).toBe('agent-0 teardown');
    const started = await tend(harness, 'start', plan, { machines: ['agent-0'] });
    expect(ends(started)).toEqual(['web-0 done ready', 'agent-0 done ready']);
    const rebooted = await tend(harness, 'reboot', plan, { machines: ['web-0'] });
    expect(ends(rebooted)).toEqual(['web-0 done ready', 'agent-0 done ready']);
    expect((await harness.up(plan)).worked).toBe(false);
  });

  it('do not stop without these', async () => {
    const { harness, plan } = await ready(SHARED);
    const result = await tend(harness, 'stop', plan, { machines: ['agent-1'] });
    expect(ends(result)).toEqual([
      'agent-1 failed ready (stop: Cannot stop: it shares the machine of another service)',
    ]);
  });

  it('are started by up after these', async () => {
    const { harness, plan } = await ready(SHARED, { bootTime: 200 });
    await tend(harness, 'stop', plan);
    const { outcome, state } = await harness.up(plan);
    expect([outcome, summary(state)]).toEqual([
      'succeeded',
      'web-0 ready\nweb-1 ready\nagent-0 ready\nagent-1 ready',
    ]);
  });
});
