import { describe, expect, it } from 'vitest';
import type { Harness } from '../support/harness.ts';
import { createHarness, ran, summary } from '../support/harness.ts';

/** Brings a plan up, then a changed one, and tells what the change did. */
async function changed(harness: Harness, before: string, after: string) {
  const first = await harness.up(await harness.plan(before));
  if (first.outcome !== 'succeeded') throw new Error(summary(first.state));
  const known = { executions: harness.machines.executions.length, instances: harness.cloud.instances.length };
  harness.events.length = 0;
  const { outcome, state, worked } = await harness.up(await harness.plan(after));
  const revised = harness.events.flatMap((event) =>
    event.type === 'fact' && event.fact.type === 'machine-revised'
      ? [`${event.fact.machine} ${event.fact.to}: ${event.fact.cause}`]
      : [],
  );
  return {
    outcome,
    worked,
    state,
    revised,
    ran: ran(harness.machines).slice(known.executions),
    launched: harness.cloud.instances.slice(known.instances).map(({ name }) => name),
  };
}

const ONE = (service: string): string => `
version: 1
name: stack
levels:
  - name: app
    services:
      web: ${service}
`;

describe('a changed plan', () => {
  it.each([
    [
      'verify',
      '{ bootstrap: { run: "true" }, verify: { run: "true" } }',
      '{ bootstrap: { run: "true" }, verify: { run: "date" } }',
      ['web-0 verify: check run changed'],
      ['web-0 verify'],
    ],
    [
      'env',
      '{ env: { A: "1", B: x }, bootstrap: { run: "true" }, verify: { run: "true" } }',
      '{ env: { A: "2", C: x }, bootstrap: { run: "true" }, verify: { run: "true" } }',
      ['web-0 bootstrap: env A changed, env C is new, env B is gone'],
      ['web-0 bootstrap', 'web-0 verify'],
    ],
    [
      'args',
      '{ bootstrap: { run: "true", args: [a] } }',
      '{ bootstrap: { run: "true", args: [b] } }',
      ['web-0 bootstrap: args changed'],
      ['web-0 bootstrap'],
    ],
    [
      'the script',
      '{ bootstrap: { run: "true" } }',
      '{ bootstrap: { run: "date" } }',
      ['web-0 bootstrap: script changed'],
      ['web-0 bootstrap'],
    ],
    [
      'files',
      '{ files: [{ target: a, content: x }], bootstrap: { run: "true" } }',
      '{ files: [{ target: a, content: y }], bootstrap: { run: "true" } }',
      ['web-0 bootstrap: file a changed'],
      ['web-0 bootstrap'],
    ],
    [
      'outputs',
      '{ bootstrap: { run: "true" } }',
      '{ bootstrap: { run: "true" }, outputs: { role: { value: main } } }',
      ['web-0 bootstrap: output role is new'],
      ['web-0 bootstrap'],
    ],
    [
      'ssh',
      '{ bootstrap: { run: "true" }, verify: { run: "true" } }',
      '{ bootstrap: { run: "true" }, verify: { run: "true" }, ssh: { user: admin } }',
      ['web-0 connect: ssh: user is new'],
      ['web-0 verify'],
    ],
    [
      'teardown',
      '{ bootstrap: { run: "true" } }',
      '{ bootstrap: { run: "true" }, teardown: { run: "true" } }',
      [],
      [],
    ],
    [
      'timeouts, attempts and intervals',
      '{ bootstrap: { run: "true" }, verify: { run: "true", interval: 1s } }',
      '{ bootstrap: { run: "true", timeout: 7m }, verify: { run: "true", interval: 3s }, attempts: { launch: 9 }, timeouts: { connect: 9m } }',
      [],
      [],
    ],
  ])('in %s has its least disruptive consequence', async (_, before, after, revised, scripts) => {
    await using harness = await createHarness();
    const told = await changed(harness, ONE(before), ONE(after));
    expect(told.outcome).toBe('succeeded');
    expect(told.revised).toEqual(revised);
    expect(told.ran).toEqual(scripts);
    expect(told.launched).toEqual([]);
    expect(told.worked).toBe(revised.length > 0);
    expect((await harness.up(await harness.plan(ONE(after)))).worked).toBe(false);
  });

  it('in several ways has every consequence in one operation', async () => {
    await using harness = await createHarness();
    const told = await changed(
      harness,
      ONE('{ labels: { a: "1" }, ssh: { user: one }, env: { A: "1" }, bootstrap: { run: "true" } }'),
      ONE('{ labels: { a: "2" }, ssh: { user: two }, env: { A: "2" }, bootstrap: { run: "true" } }'),
    );
    expect(told.revised).toEqual(['web-0 connect: ssh: user changed', 'web-0 bootstrap: env A changed']);
    expect(harness.cloud.instances[0]?.labels).toEqual({ a: '2' });
    const again = await harness.up(
      await harness.plan(
        ONE('{ labels: { a: "2" }, ssh: { user: two }, env: { A: "2" }, bootstrap: { run: "true" } }'),
      ),
    );
    expect(again).toMatchObject({ outcome: 'succeeded', worked: false });
  });

  it('of what a service without scripts cannot render is of no consequence', async () => {
    await using harness = await createHarness();
    const told = await changed(
      harness,
      ONE('{ env: { A: "1" } }'),
      ONE('{ env: { A: "{{self.publicIp}}" } }'),
    );
    expect(told).toMatchObject({ outcome: 'succeeded', ran: [] });
  });

  it('in the image replaces the machine under its name, after its teardown', async () => {
    await using harness = await createHarness();
    const service = (image: string): string =>
      `{ image: ${image}, bootstrap: { run: "true" }, teardown: { run: "true" } }`;
    const told = await changed(harness, ONE(service('one')), ONE(service('two')));
    expect(told.revised).toEqual(['web-0 replace: image changed']);
    expect(told.ran).toEqual(['web-0 teardown', 'web-0 bootstrap']);
    expect(told.launched).toEqual(['web-0']);
    expect(harness.cloud.alive()).toEqual(['web-0']);
    expect(told.state.machines.get('web-0')).toMatchObject({ generation: 2, stage: 'ready' });
  });

  it('in labels tags again', async () => {
    await using harness = await createHarness();
    const told = await changed(harness, ONE('{ labels: { a: "1" } }'), ONE('{ labels: { a: "2" } }'));
    expect(told).toMatchObject({ outcome: 'succeeded', worked: true, ran: [], launched: [] });
    expect(harness.cloud.instances[0]?.labels).toEqual({ a: '2' });
    const again = await harness.up(await harness.plan(ONE('{ labels: { a: "2" } }')));
    expect(again.worked).toBe(false);
    expect(again.state.machines.get('web-0')?.labels).toEqual({ a: '2' });
  });

  it('in the count launches only what is missing, holes in the numbering first', async () => {
    await using harness = await createHarness();
    const up = await changed(harness, ONE('{ count: 2 }'), ONE('{ count: 4 }'));
    expect(up.launched).toEqual(['web-2', 'web-3']);
    const down = await harness.up(await harness.plan(ONE('{ count: 3 }')));
    expect(down.outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual(['web-0', 'web-1', 'web-2']);
  });

  it('of a service to another level is nothing but order', async () => {
    await using harness = await createHarness();
    const two = (first: string, second: string): string => `
version: 1
name: stack
levels:
  - { name: low, services: { ${first}: { bootstrap: { run: "true" } } } }
  - { name: high, services: { ${second}: { bootstrap: { run: "true" } } } }
`;
    const told = await changed(harness, two('a', 'b'), two('b', 'a'));
    expect(told).toMatchObject({ outcome: 'succeeded', ran: [], launched: [], revised: [] });
  });

  it('of an upstream reaches those that use what changed, and nobody else', async () => {
    await using harness = await createHarness();
    const stack = (image: string): string => `
version: 1
name: stack
levels:
  - { name: data, services: { db: { image: ${image}, bootstrap: { run: "true" } } } }
  - name: app
    services:
      web: { count: 2, env: { DB: "{{services.db.hostname}}" }, bootstrap: { run: "true" }, verify: { run: "true" } }
      other: { env: { NAME: "{{services.db.name}}" }, bootstrap: { run: "true" } }
`;
    const told = await changed(harness, stack('one'), stack('two'));
    expect(told.outcome).toBe('succeeded');
    expect(told.revised).toEqual([
      'db-0 replace: image changed',
      'web-0 bootstrap: env DB changed',
      'web-1 bootstrap: env DB changed',
    ]);
    expect(told.ran).toEqual([
      'db-0 bootstrap',
      'web-0 bootstrap',
      'web-1 bootstrap',
      'web-0 verify',
      'web-1 verify',
    ]);
  });

  it('of a quorum that grows is told to every member', async () => {
    await using harness = await createHarness();
    const quorum = (count: number): string =>
      ONE(
        `{ count: ${count}, env: { PEERS: "{{join services.web.all.name ','}}" }, bootstrap: { run: "true" } }`,
      );
    const told = await changed(harness, quorum(2), quorum(3));
    expect(told.revised).toEqual([
      'web-0 bootstrap: env PEERS changed',
      'web-1 bootstrap: env PEERS changed',
    ]);
    expect([...told.ran].sort()).toEqual(['web-0 bootstrap', 'web-1 bootstrap', 'web-2 bootstrap']);
    const last = harness.machines.executions.at(-1);
    expect(last?.run.env['PEERS']).toBe('web-0,web-1,web-2');
  });

  it('takes no more machines at a time than `update.maxUnavailable`, each verified before the next', async () => {
    await using harness = await createHarness({ behave: () => ({ takes: 100 }) });
    const rolling = (value: string): string =>
      ONE(
        `{ count: 4, env: { A: "${value}" }, update: { maxUnavailable: "50%" }, bootstrap: { run: "true" }, verify: { run: "true" } }`,
      );
    const told = await changed(harness, rolling('1'), rolling('2'));
    expect(told.outcome).toBe('succeeded');
    expect(told.ran).toEqual([
      'web-0 bootstrap',
      'web-1 bootstrap',
      'web-0 verify',
      'web-1 verify',
      'web-2 bootstrap',
      'web-3 bootstrap',
      'web-2 verify',
      'web-3 verify',
    ]);
  });

  it('that rolls stops at the first failure', async () => {
    let isBroken = false;
    await using harness = await createHarness({
      behave: (machine, step) => ({
        exitCode: isBroken && machine === 'web-1' && step === 'bootstrap' ? 1 : 0,
      }),
    });
    const rolling = (value: string): string =>
      ONE(`{ count: 4, env: { A: "${value}" }, update: { maxUnavailable: 1 }, bootstrap: { run: "true" } }`);
    await harness.up(await harness.plan(rolling('1')));
    isBroken = true;
    const before = harness.machines.executions.length;
    const { outcome, state } = await harness.up(await harness.plan(rolling('2')));
    expect(outcome).toBe('failed');
    expect(ran(harness.machines).slice(before)).toEqual(['web-0 bootstrap', 'web-1 bootstrap']);
    expect(summary(state)).toBe(
      'web-0 ready\nweb-1 failed (bootstrap: Bootstrap "run" exited with 1)\nweb-2 ready\nweb-3 ready',
    );
    isBroken = false;
    const again = await harness.up(await harness.plan(rolling('2')));
    expect(again.outcome).toBe('succeeded');
    expect(ran(harness.machines).slice(before + 2)).toEqual([
      'web-1 bootstrap',
      'web-2 bootstrap',
      'web-3 bootstrap',
    ]);
  });

  it('mends a deployment that failed, without touching what was ready', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({
        exitCode: 0,
        ...(machine === 'web-1' && step === 'bootstrap' ? { exitCode: 0 } : {}),
      }),
    });
    const failing = ONE('{ count: 2, bootstrap: { run: "true" }, verify: { tcp: 80, timeout: 1s } }');
    expect((await harness.up(await harness.plan(failing))).outcome).toBe('failed');
    const before = harness.machines.executions.length;
    const mended = await harness.up(
      await harness.plan(ONE('{ count: 2, bootstrap: { run: "true" }, verify: { run: "true" } }')),
    );
    expect(mended.outcome).toBe('succeeded');
    expect(ran(harness.machines).slice(before)).toEqual(['web-0 verify', 'web-1 verify']);
  });
});
