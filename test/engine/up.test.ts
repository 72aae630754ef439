import { describe, expect, it } from 'vitest';
import { createHarness, ran, summary } from '../support/harness.ts';

const THREE_LEVELS = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { bootstrap: { run: "true" }, verify: { run: "true" }, outputs: [token] }
  - name: app
    services:
      web:
        count: 3
        env: { DB: "{{services.db.hostname}}", TOKEN: "{{services.db.token}}", PEERS: "{{join services.web.all.name ','}}" }
        bootstrap: { run: "true" }
        verify: { run: "true" }
      cache: { count: 2 }
  - name: check
    services:
      smoke: { verify: { run: "true" }, env: { WEBS: "{{join services.web.all.hostname ' '}}" } }
`;

describe('up()', () => {
  it('brings every level up in order and hands attributes on', async () => {
    await using harness = await createHarness({
      bootTime: 500,
      behave: (machine, step) => ({
        takes: 100,
        ...(machine === 'db-0' && step === 'bootstrap' ? { outputs: 'token=t0k3n\n' } : {}),
      }),
    });
    const plan = await harness.plan(THREE_LEVELS);
    const { outcome, state, worked } = await harness.up(plan);
    expect(outcome).toBe('succeeded');
    expect(worked).toBe(true);
    expect(summary(state)).toBe(
      'db-0 ready\nweb-0 ready\nweb-1 ready\nweb-2 ready\ncache-0 ready\ncache-1 ready\nsmoke-0 ready',
    );
    expect(ran(harness.machines)).toEqual([
      'db-0 bootstrap',
      'db-0 verify',
      'web-0 bootstrap',
      'web-1 bootstrap',
      'web-2 bootstrap',
      'web-0 verify',
      'web-1 verify',
      'web-2 verify',
      'smoke-0 verify',
    ]);
    const env = harness.machines.executions.find(({ machine }) => machine === 'web-1')?.run.env;
    expect(env).toMatchObject({
      DB: '10.0.0.1',
      TOKEN: 't0k3n',
      PEERS: 'web-0,web-1,web-2',
      PLAN_INDEX: '1',
      PLAN_COUNT: '3',
    });
    expect(harness.cloud.calls.launch).toBe(4);
  });

  it('does nothing for a deployment that is ready', async () => {
    await using harness = await createHarness({
      behave: (machine) => (machine === 'db-0' ? { outputs: 'token=t0k3n\n' } : {}),
    });
    const plan = await harness.plan(THREE_LEVELS);
    await harness.up(plan);
    const calls = { ...harness.cloud.calls };
    const executions = harness.machines.executions.length;
    const { outcome, worked } = await harness.up(plan);
    expect({ outcome, worked }).toEqual({ outcome: 'succeeded', worked: false });
    expect(harness.cloud.calls).toEqual(calls);
    expect(harness.machines.executions.length).toBe(executions);
  });
});
