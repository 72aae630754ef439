import { describe, expect, it } from 'vitest';
import { ProviderError } from '../../src/providers/provider.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness, ran, summary } from '../support/harness.ts';

const STACK = `
version: 1
name: stack
levels:
  - { name: data, services: { db: { bootstrap: { run: "true" }, verify: { run: "true" } } } }
  - name: app
    services:
      web:
        count: 2
        env: { DB: "{{services.db.hostname}}" }
        bootstrap: { run: "true" }
        verify: { run: "true", timeout: 3s }
        timeouts: { connect: 5s }
`;

/** A harness whose deployment is up; `broken` says how often verifies of a machine fail from then on. */
async function ready(broken: Map<string, number>): Promise<Harness> {
  const harness = await createHarness({
    behave(machine, step) {
      const left = broken.get(machine) ?? 0;
      if (step === 'bootstrap' && left > 0 && left < Infinity) broken.set(machine, left - 1);
      return { exitCode: step === 'verify' && (broken.get(machine) ?? 0) > 0 ? 1 : 0 };
    },
  });
  const { outcome, state } = await harness.up(await harness.plan(STACK));
  if (outcome !== 'succeeded') throw new Error(summary(state));
  return harness;
}

describe('repair()', () => {
  it('looks at every machine and touches none that verifies', async () => {
    await using harness = await ready(new Map());
    const before = harness.machines.executions.length;
    const { outcome, state } = await harness.repair(await harness.plan(STACK));
    expect(outcome).toBe('succeeded');
    expect(ran(harness.machines).slice(before)).toEqual(['db-0 verify', 'web-0 verify', 'web-1 verify']);
    expect(harness.cloud.instances).toHaveLength(3);
    expect(summary(state)).toBe('db-0 ready\nweb-0 ready\nweb-1 ready');
  });

  it('touches no machine that the provider cannot be asked about', async () => {
    await using harness = await ready(new Map());
    const { describe: look, reboot } = harness.cloud;
    const unasked = () => Promise.reject(new ProviderError('expired', { isFinal: true }));
    Object.assign(harness.cloud, { describe: unasked, reboot: unasked });
    const plan = await harness.plan(STACK);
    const { outcome, state } = await harness.repair(plan);
    expect(outcome).toBe('failed');
    expect(summary(state)).toContain('(launch: Cannot tell whether the machine runs: expired)');
    Object.assign(harness.cloud, { describe: look, reboot });
    expect((await harness.repair(plan)).outcome).toBe('succeeded');
    expect(harness.cloud.rebooted).toEqual([]);
    expect(harness.cloud.instances).toHaveLength(3);
  });

  it('bootstraps again what does not verify, and nothing else', async () => {
    const broken = new Map<string, number>();
    await using harness = await ready(broken);
    broken.set('web-1', 1);
    const before = harness.machines.executions.length;
    const { outcome } = await harness.repair(await harness.plan(STACK));
    expect(outcome).toBe('succeeded');
    const scripts = ran(harness.machines).slice(before);
    expect(scripts.filter((line) => line.endsWith('bootstrap'))).toEqual(['web-1 bootstrap']);
    expect(harness.cloud.rebooted).toEqual([]);
    expect(harness.cloud.instances).toHaveLength(3);
  });

  it('reboots, then replaces, when that does not help', async () => {
    const broken = new Map<string, number>();
    await using harness = await ready(broken);
    broken.set('web-1', 2);
    const { outcome } = await harness.repair(await harness.plan(STACK));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.rebooted).toEqual(['i-3']);
    expect(harness.cloud.alive()).toEqual(['db-0', 'web-0', 'web-1']);
    expect(harness.cloud.instances.map(({ name }) => name)).toEqual(['db-0', 'web-0', 'web-1', 'web-1']);
  });

  it('gives up after `repair.attempts` rounds', async () => {
    const broken = new Map<string, number>();
    await using harness = await ready(broken);
    broken.set('web-1', Infinity);
    const plan = await harness.plan(
      STACK.replace('count: 2', 'count: 2, repair: { attempts: 1 }').replace(
        'web:\n        count: 2, repair: { attempts: 1 }',
        'web:\n        count: 2\n        repair: { attempts: 1 }',
      ),
    );
    const { outcome, state } = await harness.repair(plan);
    expect(outcome).toBe('failed');
    expect(harness.cloud.rebooted).toHaveLength(1);
    expect(harness.cloud.instances.filter(({ name }) => name === 'web-1')).toHaveLength(2);
    expect(summary(state)).toContain('web-1 failed (verify: ');
  });

  it('replaces where the provider cannot reboot', async () => {
    const broken = new Map<string, number>();
    await using harness = await ready(broken);
    harness.cloud.canReboot = false;
    broken.set('web-0', 2);
    const { outcome } = await harness.repair(await harness.plan(STACK));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.instances.filter(({ name }) => name === 'web-0')).toHaveLength(2);
  });

  it('replaces a machine that vanished at the provider, and renders those anew that depend on it', async () => {
    await using harness = await ready(new Map());
    harness.cloud.end('i-1');
    const before = harness.machines.executions.length;
    const { outcome, state } = await harness.repair(await harness.plan(STACK));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual(['web-0', 'web-1', 'db-0']);
    expect(state.machines.get('db-0')).toMatchObject({ generation: 2, stage: 'ready' });
    const bootstraps = harness.machines.executions.slice(before).filter(({ step }) => step === 'bootstrap');
    expect(bootstraps.map(({ machine, run }) => `${machine} ${run.env['DB'] ?? ''}`)).toEqual([
      'db-0 ',
      'web-0 10.0.0.4',
      'web-1 10.0.0.4',
    ]);
  });

  it('reboots a machine that cannot be reached before it replaces it', async () => {
    await using harness = await ready(new Map());
    harness.machines.unreachable.add('i-2');
    const { outcome } = await harness.repair(await harness.plan(STACK));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.rebooted).toEqual(['i-2']);
    expect(harness.cloud.instances.filter(({ name }) => name === 'web-0')).toHaveLength(2);
  });
});

describe('up()', () => {
  it('never replaces a machine that was bootstrapped because it cannot be reached', async () => {
    await using harness = await ready(new Map());
    harness.machines.unreachable.add('i-2');
    const { outcome, state } = await harness.up(
      await harness.plan(STACK.replace('timeouts:', 'ssh: { user: other }\n        timeouts:')),
    );
    expect(outcome).toBe('failed');
    expect(harness.cloud.instances).toHaveLength(3);
    expect(summary(state)).toContain('web-0 failed (connect: Cannot reach the machine within 5s');
  });
});
