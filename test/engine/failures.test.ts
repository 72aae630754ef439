import { describe, expect, it } from 'vitest';
import { createHarness, ran, summary } from '../support/harness.ts';

const TWO_LEVELS = `
version: 1
name: stack
levels:
  - name: app
    services:
      web: { count: 3, bootstrap: { run: "true" }, verify: { run: "true", interval: 1s, timeout: 10s } }
  - name: top
    services:
      lb: { bootstrap: { run: "true" } }
`;

describe('a machine that fails', () => {
  it('lets its siblings finish and nothing above start', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({
        takes: 50,
        exitCode: machine === 'web-1' && step === 'bootstrap' ? 3 : 0,
        output: 'hello\n',
      }),
    });
    const { outcome, state } = await harness.up(await harness.plan(TWO_LEVELS));
    expect(outcome).toBe('failed');
    expect(summary(state)).toBe(
      'web-0 ready\nweb-1 failed (bootstrap: Bootstrap "run" exited with 3)\nweb-2 ready\nlb-0 pending',
    );
    const failure = state.machines.get('web-1')?.failure;
    expect(failure).toMatchObject({ step: 'bootstrap', reason: 'exit', exitCode: 3, logTail: ['hello'] });
    expect(failure?.logPath).toMatch(/^logs\/stack-[0-9a-f]{8}\/web-1\/1-bootstrap-1\.log$/);
  });

  it('is tried again by the next up, which leaves what is ready alone', async () => {
    let isMended = false;
    await using harness = await createHarness({
      behave: (machine, step) => ({
        exitCode: machine === 'web-1' && step === 'bootstrap' && !isMended ? 3 : 0,
      }),
    });
    const plan = await harness.plan(TWO_LEVELS);
    await harness.up(plan);
    isMended = true;
    const before = harness.machines.executions.length;
    const { outcome, state } = await harness.up(plan);
    expect(outcome).toBe('succeeded');
    expect(ran(harness.machines).slice(before)).toEqual([
      'web-1 bootstrap',
      'web-1 verify',
      'lb-0 bootstrap',
    ]);
    expect(state.machines.get('web-1')?.attempts).toMatchObject({ launch: 1, bootstrap: 2 });
    expect(harness.cloud.instances.length).toBe(4);
  });

  it('has its bootstrap tried as often as `attempts` says', async () => {
    await using harness = await createHarness({
      behave: (machine, step, attempt) => ({ exitCode: step === 'bootstrap' && attempt < 3 ? 1 : 0 }),
    });
    const text = TWO_LEVELS.replace('count: 3,', 'count: 1, attempts: { bootstrap: 3 },');
    const { outcome, state } = await harness.up(await harness.plan(text));
    expect(outcome).toBe('failed');
    expect(summary(state)).toBe('web-0 ready\nlb-0 failed (bootstrap: Bootstrap "run" exited with 1)');
    expect(ran(harness.machines).filter((line) => line === 'web-0 bootstrap')).toHaveLength(3);
  });

  it('is not needed where `min` machines are ready', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: machine === 'web-1' && step === 'verify' ? 1 : 0 }),
    });
    const { outcome, state } = await harness.up(
      await harness.plan(TWO_LEVELS.replace('count: 3', 'count: { min: 2, max: 3 }')),
    );
    expect(outcome).toBe('succeeded');
    expect(summary(state)).toBe(
      'web-0 ready\nweb-1 failed (verify: Verify "run" did not pass within 10s: the last try exited with 1)\nweb-2 ready\nlb-0 ready',
    );
  });
});

describe('a verify', () => {
  it('is tried every interval until it passes as often in a row as it should', async () => {
    const codes = [1, 0, 1, 0, 0];
    await using harness = await createHarness({
      behave: (machine, step, attempt) => ({ exitCode: step === 'verify' ? (codes[attempt - 1] ?? 9) : 0 }),
    });
    const text = TWO_LEVELS.replace('count: 3', 'count: 1').replace('timeout: 10s', 'successes: 2');
    const { outcome } = await harness.up(await harness.plan(text));
    expect(outcome).toBe('succeeded');
    const tries = harness.machines.executions.filter(({ step }) => step === 'verify');
    expect(tries.map(({ from }, i) => from - (tries[i - 1]?.from ?? from))).toEqual([
      0, 1000, 1000, 1000, 1000,
    ]);
  });

  it('ends at once with a fatal exit code', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: step === 'verify' ? 42 : 0 }),
    });
    const text = TWO_LEVELS.replace('count: 3', 'count: 1').replace('timeout: 10s', 'fatalExitCodes: [42]');
    const { state } = await harness.up(await harness.plan(text));
    expect(state.machines.get('web-0')?.failure).toMatchObject({ reason: 'fatal-exit', exitCode: 42 });
    expect(harness.machines.executions.filter(({ step }) => step === 'verify')).toHaveLength(1);
  });

  it('cuts a try off after tryTimeout and goes on', async () => {
    await using harness = await createHarness({
      behave: (machine, step, attempt) => ({ takes: step === 'verify' && attempt === 1 ? 60_000 : 0 }),
    });
    const text = TWO_LEVELS.replace('count: 3', 'count: 1').replace('timeout: 10s', 'tryTimeout: 3s');
    const started = harness.clock.now();
    const { outcome } = await harness.up(await harness.plan(text));
    expect(outcome).toBe('succeeded');
    expect(harness.clock.now() - started).toBeLessThan(6_000);
  });

  it('of a list fails with the first check that does', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: step === 'verify' ? 7 : 0 }),
    });
    const text = TWO_LEVELS.replace('count: 3', 'count: 1').replace(
      'verify: { run: "true", interval: 1s, timeout: 10s }',
      'verify: [{ run: "true", fatalExitCodes: [7] }, { tcp: 80, timeout: 1h }]',
    );
    const { state } = await harness.up(await harness.plan(text));
    expect(state.machines.get('web-0')?.failure?.message).toBe('Verify "run" exited with 7, which is fatal');
  });
});

describe('a bootstrap', () => {
  it('that hangs is stopped when its time is over', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ takes: step === 'bootstrap' ? 1e9 : 0 }),
    });
    const text = TWO_LEVELS.replace('count: 3', 'count: 1, timeouts: { bootstrap: 90s }');
    const started = harness.clock.now();
    const { state } = await harness.up(await harness.plan(text));
    expect(state.machines.get('web-0')?.failure).toMatchObject({
      reason: 'timeout',
      message: 'Bootstrap "run" did not end within 1m30s',
    });
    expect(harness.clock.now() - started).toBeLessThan(92_000);
  });

  it.each([
    ['', 'Bootstrap "run" did not report output "port"'],
    ['port=1\nhost=x\n', 'Bootstrap "run" reported output "host", which the plan does not declare'],
    [
      'port=1\nport=2\n',
      'Bootstrap "run" reported outputs that cannot be read: output "port" is reported twice',
    ],
  ])('that reports %j fails with the name', async (outputs, message) => {
    await using harness = await createHarness({ behave: () => ({ outputs }) });
    const text = TWO_LEVELS.replace('count: 3', 'count: 1, outputs: [port]');
    const { state } = await harness.up(await harness.plan(text));
    expect(state.machines.get('web-0')?.failure).toMatchObject({
      step: 'bootstrap',
      reason: 'outputs',
      message,
    });
  });

  it('waits until every member of its service was reached, and is told of them', async () => {
    await using harness = await createHarness({ bootTime: 100 });
    const text = TWO_LEVELS.replace(
      'count: 3,',
      'count: 3, env: { PEERS: "{{join services.web.all.hostname \',\'}}" },',
    );
    await harness.up(await harness.plan(text));
    const told = harness.machines.executions.filter(
      ({ step, machine }) => step === 'bootstrap' && machine.startsWith('web'),
    );
    expect(new Set(told.map(({ run }) => run.env['PEERS']))).toEqual(new Set(['10.0.0.1,10.0.0.2,10.0.0.3']));
  });

  it('is given up where fewer peers than `min` were reached', async () => {
    await using harness = await createHarness();
    harness.cloud.stillborn.add('web-2');
    const text = TWO_LEVELS.replace(
      'count: 3,',
      'count: 3, env: { PEERS: "{{join services.web.all.hostname \',\'}}" },',
    );
    const { state, outcome } = await harness.up(await harness.plan(text));
    expect(outcome).toBe('failed');
    expect(summary(state)).toBe(
      [
        'web-0 failed (bootstrap: Cannot bootstrap: 2 machines of service "web" were reached, 3 are needed)',
        'web-1 failed (bootstrap: Cannot bootstrap: 2 machines of service "web" were reached, 3 are needed)',
        'web-2 lost (launch: The machine is "terminated" at the provider: Server.InternalError)',
        'lb-0 pending',
      ].join('\n'),
    );
    expect(ran(harness.machines)).toEqual([]);
  });
});
