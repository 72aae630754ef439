import { expect, it } from 'vitest';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import type { Ec2Endpoint } from '../support/ec2/endpoint.ts';
import { randomAccount } from '../support/ec2/endpoint.ts';
import type { Ec2Harness, Ec2HarnessOptions } from './ec2-crash-harness.ts';
import { createEc2Harness } from './ec2-crash-harness.ts';

const LEVELS = `
levels:
  - name: only
    services:
      web: { count: 3, bootstrap: { run: "true" } }
`;
const TIMES = { bootTime: 150, endTime: 150 };

/** `faults`: what happens to each launching call from now on. */
async function begin(levels = LEVELS, options: Ec2HarnessOptions = {}) {
  const faults: Parameters<Ec2Endpoint['break']>[1][] = [];
  const space = await createEc2Harness({
    settings: TIMES,
    onCall(name) {
      const fault = name === 'runInstances' ? faults.shift() : undefined;
      if (fault !== undefined) space.endpoint.break('RunInstances', fault);
    },
    ...options,
  });
  const plan = await space.plan(levels);
  return { space, plan, faults, [Symbol.asyncDispose]: () => space[Symbol.asyncDispose]() };
}

function idsOf(state: DeploymentState | null | undefined): readonly string[] {
  return [...(state?.machines.values() ?? [])].flatMap(({ id }) => (id === null ? [] : [id])).sort();
}

/** The machines of the state are all that was ever launched. */
function expectOnce({ endpoint, alive }: Ec2Harness, state: DeploymentState | undefined, machines = 3): void {
  expect(idsOf(state)).toHaveLength(machines);
  expect(idsOf(state)).toEqual(alive().toSorted());
  expect(endpoint.instances()).toHaveLength(machines);
}

function expectNothing({ endpoint, alive }: Ec2Harness): void {
  expect(alive()).toEqual([]);
  expect([endpoint.volumes(), endpoint.keyPairs(), endpoint.securityGroups()]).toEqual([[], [], []]);
}

function launchTokens({ endpoint }: Ec2Harness): readonly (string | undefined)[] {
  return endpoint.calls
    .filter(({ action, params }) => action === 'RunInstances' && params.get('DryRun') !== 'true')
    .map(({ params }) => params.get('ClientToken'));
}

it.each([
  ['drop-after-effect', { how: 'drop-after-effect' }],
  ['late-effect', { how: 'late-effect', by: 1_500 }],
  ['drop-before', { how: 'drop-before' }],
] as const)('a launch whose answer is lost (%s) is repeated under its token', async (_, fault) => {
  await using running = await begin();
  const { space, plan, faults } = running;
  faults.push({ ...fault, times: 2 });
  const { result } = await space.process('up', plan);
  expect(result?.outcome).toBe('succeeded');
  const tokens = launchTokens(space);
  expect(tokens).toHaveLength(3);
  expect(new Set(tokens).size).toBe(1);
  await space.clock.sleep(2_000, forever);
  expectOnce(space, result?.state);
});

it('a launch whose answers are all lost stays open, is repeated by the next up, and found by down', async () => {
  for (const next of ['up', 'down'] as const) {
    await using running = await begin();
    const { space, plan, faults } = running;
    faults.push(...Array.from({ length: 3 }, () => ({ how: 'drop-after-effect', times: 5 }) as const));
    const cut = await space.process('up', plan);
    expect(cut.result?.outcome).toBe('failed');
    expect(cut.result?.state.batches.size).toBe(1);
    expect(new Set(launchTokens(space)).size).toBe(1);
    expect(space.alive()).toHaveLength(3);
    const { result } = await space.process(next, plan);
    expect(result?.outcome).toBe('succeeded');
    if (next === 'up') expectOnce(space, result?.state);
    else expectNothing(space);
  }
});

it('a launch that has its effect after its process is gone is found by down', async () => {
  await using running = await begin();
  const { space, plan, faults } = running;
  faults.push({ how: 'late-effect', by: 1_000 });
  await space.process('up', plan, { of: 'api runInstances', nth: 1, moment: 'during' });
  expect(space.endpoint.instances()).toEqual([]);
  const { result } = await space.process('down', plan);
  expect(result?.outcome).toBe('succeeded');
  expect(space.endpoint.instances()).toHaveLength(3);
  expectNothing(space);
});

it('a launch that has its effect after its process is gone is the one that the next up repeats', async () => {
  await using running = await begin();
  const { space, plan, faults } = running;
  faults.push({ how: 'late-effect', by: 1_000 });
  await space.process('up', plan, { of: 'api runInstances', nth: 1, moment: 'during' });
  const { result } = await space.process('up', plan);
  await space.clock.sleep(1_500, forever);
  expect(result?.outcome).toBe('succeeded');
  expectOnce(space, result?.state);
});

it('down of a launch that was recorded and never made ends when it cannot come any more', async () => {
  await using running = await begin();
  const { space, plan } = running;
  await space.process('up', plan, { of: 'api runInstances', nth: 1, moment: 'before' });
  const from = space.clock.now();
  expect((await space.process('down', plan)).result?.outcome).toBe('succeeded');
  expect(space.clock.now() - from).toBeGreaterThanOrEqual(2_000);
  expect(space.endpoint.instances()).toEqual([]);
  expectNothing(space);
});

it.each(['before', 'after'] as const)(
  'up that is killed %s the record of a short fill asks for what is missing, and no more',
  async (moment) => {
    const fill = LEVELS.replace('count: 3', 'count: { min: 1, max: 3 }');
    await using running = await begin(fill);
    const { space, plan } = running;
    space.endpoint.limit({ left: 1 });
    await space.process('up', plan, { of: 'commit launch-answered', nth: 1, moment });
    expect(space.alive()).toHaveLength(1);
    space.endpoint.relent();
    const { result } = await space.process('up', plan);
    expect(result?.outcome).toBe('succeeded');
    expectOnce(space, result?.state);
    expect((await space.process('down', plan)).result?.outcome).toBe('succeeded');
    expectNothing(space);
  },
);

it('machines that EC2 does not show for a while after their launch are waited for, and ended', async () => {
  await using running = await begin(LEVELS, {
    settings: { ...TIMES, lag: 5_000 },
    consistencyDelay: 6_000,
  });
  const { space, plan } = running;
  const { result } = await space.process('up', plan);
  expect(result?.outcome).toBe('succeeded');
  expect(space.endpoint.calls.some(({ error }) => error === 'InvalidInstanceID.NotFound')).toBe(true);
  expectOnce(space, result?.state);
  expect((await space.process('down', plan)).result?.outcome).toBe('succeeded');
  expectNothing(space);
});

it('down just after a launch ends machines that EC2 does not show yet', async () => {
  await using running = await begin(LEVELS, {
    settings: { ...TIMES, lag: 5_000 },
    consistencyDelay: 6_000,
  });
  const { space, plan } = running;
  await space.process('up', plan, { of: 'commit launch-answered', nth: 1, moment: 'after' });
  expect((await space.process('down', plan)).result?.outcome).toBe('succeeded');
  expectNothing(space);
});

it('a machine that EC2 shows late and does not end then is reported, and kept', async () => {
  let calls = 0;
  await using running = await begin(LEVELS.replace('count: 3', 'count: 1'), {
    settings: { ...TIMES, lag: 5_000 },
    consistencyDelay: 6_000,
    onCall(name) {
      if (name !== 'terminateInstances') return;
      calls += 1;
      if (calls === 2) running.space.endpoint.break('TerminateInstances', { how: 'drop-before', times: 5 });
      if (calls === 3) {
        const fault = { how: 'error', code: 'OperationNotPermitted', status: 400 } as const;
        running.space.endpoint.break('TerminateInstances', fault);
      }
    },
  });
  const { space, plan } = running;
  await space.process('up', plan, { of: 'commit launch-answered', nth: 1, moment: 'after' });
  const { result } = await space.process('down', plan);
  expect(result?.outcome).toBe('failed');
  const [machine] = result?.state.machines.values() ?? [];
  expect(machine?.failure?.message).toMatch(/Cannot terminate instance "i-\w+": .*OperationNotPermitted/);
  expect(idsOf(result?.state)).toEqual(space.alive());
  expect((await space.process('down', plan)).result?.outcome).toBe('succeeded');
  expectNothing(space);
});

it('up and down that EC2 throttles at every turn succeed and repeat nothing', async () => {
  await using running = await begin(LEVELS, { settings: { ...TIMES, lag: 500 } });
  const { space, plan } = running;
  const rate = { size: 1, perSecond: 1 };
  space.endpoint.throttle({ describing: { size: 3, perSecond: 3 }, mutating: rate });
  const { result } = await space.process('up', plan);
  expect(result?.outcome).toBe('succeeded');
  expectOnce(space, result?.state);
  expect((await space.process('down', plan)).result?.outcome).toBe('succeeded');
  expect(space.endpoint.calls.some(({ error }) => error === 'RequestLimitExceeded')).toBe(true);
  expectNothing(space);
});

it('machines of another account never count as gone, and nothing is launched in its place', async () => {
  const accounts = [randomAccount('111111111111'), randomAccount('222222222222')];
  let user = accounts[0];
  await using running = await begin(LEVELS, { accounts, as: () => user });
  const { space, plan } = running;
  await space.process('up', plan, { of: 'commit machine-running', nth: 1, moment: 'before' });
  const before = idsOf(await space.load(plan));
  expect(before).toHaveLength(3);
  user = accounts[1];
  const whose = 'belong to account 111111111111, the credentials are of account 222222222222';
  await expect(space.process('up', plan)).rejects.toThrow(whose);
  user = accounts[0];
  const up = await space.process('up', plan);
  expectOnce(space, up.result?.state);
  user = accounts[1];
  const { result } = await space.process('down', plan);
  expect(result?.outcome).toBe('failed');
  const failures = [...(result?.state.machines.values() ?? [])].map(({ failure }) => failure?.message);
  expect(failures).toEqual(Array(3).fill(expect.stringContaining(whose)));
  expect(idsOf(await space.load(plan))).toEqual(before);
  expect(space.alive().toSorted()).toEqual(before);
  expect(new Set(space.endpoint.keyPairs().map(({ account }) => account))).toEqual(new Set(['111111111111']));
  user = accounts[0];
  expect((await space.process('down', plan)).result?.outcome).toBe('succeeded');
  expectNothing(space);
});

it('a launch that was not answered is not given up because another account does not know it', async () => {
  const accounts = [randomAccount('111111111111'), randomAccount('222222222222')];
  let user = accounts[0];
  await using running = await begin(LEVELS, { accounts, as: () => user });
  const { space, plan } = running;
  await space.process('up', plan, { of: 'api runInstances', nth: 1, moment: 'after' });
  user = accounts[1];
  const { result } = await space.process('down', plan);
  expect(result?.outcome).toBe('failed');
  expect(result?.state.batches.size).toBe(1);
  const [machine] = result?.state.machines.values() ?? [];
  expect(machine?.failure?.message).toContain('Use credentials of account 111111111111');
  user = accounts[0];
  expect((await space.process('down', plan)).result?.outcome).toBe('succeeded');
  expect(space.endpoint.instances()).toHaveLength(3);
  expectNothing(space);
});

const forever = { signal: new AbortController().signal };

it('a key pair and a group that EC2 does not know everywhere yet cost no tries', async () => {
  let calls = 0;
  const space: Ec2Harness = await createEc2Harness({
    settings: TIMES,
    onCall(name) {
      if (name !== 'runInstances') return;
      calls += 1;
      space.endpoint.relent();
      if (calls <= 8)
        space.endpoint.refuse({
          code: calls % 2 === 0 ? 'InvalidGroup.NotFound' : 'InvalidKeyPair.NotFound',
        });
    },
  });
  await using running = space;
  const plan = await space.plan(LEVELS);
  const from = space.clock.now();
  const { result } = await running.process('up', plan);
  expect(result?.outcome).toBe('succeeded');
  expect(calls).toBe(9);
  expect(space.clock.now() - from).toBeGreaterThanOrEqual(8 * 2_000);
  expectOnce(space, result?.state);
});
