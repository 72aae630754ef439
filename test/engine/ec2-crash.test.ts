import { describe, expect, it } from 'vitest';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import type { KillPoint } from '../support/mortal.ts';
import type { Ec2Harness, Ec2HarnessOptions } from './ec2-crash-harness.ts';
import { createEc2Harness, ran } from './ec2-crash-harness.ts';

const LEVELS = `
levels:
  - name: data
    services:
      db: { count: 2, bootstrap: { run: "true" }, teardown: { run: "true" }, outputs: [token] }
  - name: app
    services:
      web: { count: { min: 1, max: 2 }, env: { TOKENS: "{{join services.db.all.token ','}}" }, bootstrap: { run: "true" } }
`;
const MACHINES = ['db-0', 'db-1', 'web-0', 'web-1'];

type Kind = 'up' | 'down';
const KINDS = ['up', 'down'] as const;

type Ec2Settings = NonNullable<Ec2HarnessOptions['settings']>;
const LATE: Ec2Settings = { lag: 200, bootTime: 150, endTime: 150 };

/** All is there that the state knows, once, and nothing else was ever launched. */
function expectAccounted({ endpoint, alive }: Ec2Harness, state: DeploymentState): void {
  const owned = [...state.machines.values()].flatMap(({ id }) => (id === null ? [] : [id]));
  expect(owned.toSorted()).toEqual(alive().toSorted());
  expect([...state.instances.keys()].sort()).toEqual(alive().toSorted());
  expect([...state.machines.values()].map(({ name, stage }) => `${name} ${stage}`)).toEqual(
    MACHINES.map((name) => `${name} ready`),
  );
  expect(state.batches.size).toBe(0);
  expect(endpoint.keyPairs()).toHaveLength(1);
  expect(endpoint.securityGroups()).toHaveLength(1);
}

function expectNothing({ endpoint }: Ec2Harness, state: DeploymentState | null): void {
  expect(endpoint.instances().filter((one) => one.state !== 'terminated')).toEqual([]);
  expect([endpoint.volumes(), endpoint.keyPairs(), endpoint.securityGroups()]).toEqual([[], [], []]);
  if (state === null) return;
  expect([state.instances.size, state.batches.size, state.scopes.size]).toEqual([0, 0, 0]);
  expect([...state.machines.values()].filter(({ stage }) => stage !== 'gone')).toEqual([]);
}

/** Kills one operation, and does the other to its end; answers false when the kill came too late. */
async function survive(killed: Kind, at: KillPoint, after: Kind, settings: Ec2Settings): Promise<boolean> {
  await using space = await createEc2Harness({ settings });
  const plan = await space.plan(LEVELS);
  if (killed === 'down') await space.process('up', plan);
  const { result } = await space.process(killed, plan, at);
  if (after === 'down' && (await space.load(plan)) === null) {
    await expect(space.process('down', plan)).rejects.toThrow('There is no deployment');
    expectNothing(space, null);
    return result === null;
  }
  const second = await space.process(after, plan);
  expect(second.warnings).toEqual([]);
  expect(second.result?.outcome).toBe('succeeded');
  const state = await space.load(plan);
  if (state === null) throw new Error('There is no deployment any more');
  if (after === 'down') expectNothing(space, state);
  else expectAccounted(space, state);
  if (killed === 'up') {
    // Every machine was launched once, and bootstrapped at most once.
    expect(space.endpoint.instances().length).toBeLessThanOrEqual(MACHINES.length);
    const done = space.bootstrapped();
    if (after === 'up') expect(done).toEqual(MACHINES);
    else expect(done).toEqual([...new Set(done)]);
  } else if (after === 'down') expect(ran(space.machines, 'teardown')).toEqual(['db-0', 'db-1']);
  const mismatches = space.endpoint.calls.filter(({ error }) => error?.startsWith('Idempotent'));
  expect(mismatches).toEqual([]);
  return result === null;
}

async function deedsOf(kind: Kind, settings: Ec2Settings): Promise<readonly string[]> {
  await using space = await createEc2Harness({ settings });
  const plan = await space.plan(LEVELS);
  const first = await space.process('up', plan);
  expect(first.result?.outcome).toBe('succeeded');
  if (kind === 'up') return first.deeds;
  const { deeds, result } = await space.process('down', plan);
  expect(result?.outcome).toBe('succeeded');
  expectNothing(space, result?.state ?? null);
  return deeds;
}

interface Kills {
  /** Deeds that begin with one of these. */
  readonly of: readonly string[];
  readonly moments: readonly KillPoint['moment'][];
  /** `both`: each kill is tried twice, followed by either operation; else by one or the other in turn. */
  readonly followed: 'both' | 'in turn';
  readonly settings?: Ec2Settings;
}

/** Kills at every such deed, and answers how many times. */
async function surviveAll(killed: Kind, { of, moments, followed, settings = LATE }: Kills): Promise<number> {
  const deeds = (await deedsOf(killed, settings)).filter((deed) => of.some((name) => deed.startsWith(name)));
  const counts = new Map<string, number>();
  const problems: string[] = [];
  let turn = 0;
  let kills = 0;
  for (const deed of deeds) {
    const nth = (counts.get(deed) ?? 0) + 1;
    counts.set(deed, nth);
    for (const moment of moments) {
      turn += 1;
      for (const [i, after] of KINDS.entries()) {
        if (followed === 'in turn' && turn % 2 !== i) continue;
        try {
          if (await survive(killed, { nth, of: deed, moment }, after, settings)) kills += 1;
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          problems.push(`${moment} ${nth} "${deed}", then ${after}: ${message}`);
        }
      }
    }
    turn += moments.length - 1;
  }
  expect(problems).toEqual([]);
  return kills;
}

const CALLS = {
  up: ['api importKeyPair', 'api createSecurityGroup', 'api authorizeIngress', 'api runInstances'],
  down: ['api terminateInstances', 'api deleteSecurityGroup', 'api deleteKeyPair'],
};

describe.each(KINDS)('%s on EC2 that is killed', { timeout: 120_000 }, (killed) => {
  it('while a call that changes something is under way, or before its answer, loses and repeats nothing', async () => {
    const kills = await surviveAll(killed, {
      of: CALLS[killed],
      moments: ['during', 'after'],
      followed: 'both',
    });
    expect(kills).toBeGreaterThan(12);
  });

  it('before any record loses and repeats nothing', async () => {
    const kills = await surviveAll(killed, { of: ['commit'], moments: ['before'], followed: 'in turn' });
    expect(kills).toBeGreaterThan(6);
  });
});

it(
  'up on EC2 that is killed while it names machines loses and repeats nothing',
  { timeout: 120_000 },
  async () => {
    const kills = await surviveAll('up', {
      of: ['api createTags'],
      moments: ['during', 'after'],
      followed: 'in turn',
      // Names are written in the background: the machines boot for long enough that all of them are.
      settings: { bootTime: 4_000, endTime: 150 },
    });
    expect(kills).toBe(8);
  },
);
