import { describe, expect, it } from 'vitest';
import type { OperationKind } from '../../src/fact.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness } from '../support/harness.ts';
import type { KillPoint } from '../support/mortal.ts';

/** Three levels and seven machines. */
const STACK = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { count: 2, bootstrap: { run: "true" }, verify: { run: "true", interval: 1s, timeout: 3s }, teardown: { run: "true" }, outputs: [token] }
  - name: app
    services:
      web:
        count: { min: 2, max: 3 }
        env: { DB: "{{join services.db.all.hostname ','}}", TOKEN: "{{join services.db.all.token ','}}", PEERS: "{{join services.web.all.name ','}}" }
        bootstrap: { run: "true" }
        verify: { run: "true" }
        teardown: { run: "true" }
      cache: {}
  - name: check
    services:
      smoke: { bootstrap: { run: "true" }, verify: { run: "true" }, env: { WEBS: "{{join services.web.all.hostname ' '}}" } }
`;

/** The same with a machine less and a machine more, and a service instead of another. */
const EDITED = STACK.replace('count: 2,', 'count: 1,')
  .replace('count: { min: 2, max: 3 }', 'count: 4')
  .replace('      cache: {}', '      queue: { bootstrap: { run: "true" }, teardown: { run: "true" } }');

interface Scenario {
  readonly store: 'sqlite' | 'memory';
  /** Done without a kill before: the operations that lead to the one that is killed. */
  readonly before: readonly (readonly [OperationKind, string])[];
  /** What then breaks in the world. */
  readonly damage: 'none' | 'two machines';
  readonly killed: readonly [OperationKind, string];
  readonly after: OperationKind;
}

/** `sick`: machines whose verify fails until they are bootstrapped again. */
function begin(store: Scenario['store'], sick: Set<string>): Promise<Harness> {
  return createHarness({
    store,
    bootTime: 150,
    endTime: 150,
    consistencyDelay: 300,
    visibleAfter: 120,
    connectTakes: 20,
    behave: (machine, step) => {
      if (step === 'bootstrap') sick.delete(machine);
      const hasOutput = machine.startsWith('db') && step === 'bootstrap';
      const exitCode = step === 'verify' && sick.has(machine) ? 1 : 0;
      return { takes: 300, exitCode, ...(hasOutput ? { outputs: `token=of-${machine}\n` } : {}) };
    },
  });
}

/** What matters of a state once nothing is under way: all but times, ids, generations, attempts. */
function settled(state: DeploymentState): readonly string[] {
  return [...state.machines.values()]
    .filter(({ wanted, stage }) => wanted || stage !== 'gone')
    .map(({ name, stage, level, wanted, running, failure, gaveUp, outputs, tornDown, under }) =>
      JSON.stringify({
        name,
        stage,
        level,
        wanted,
        running,
        failure,
        gaveUp,
        outputs,
        tornDown,
        isUnder: !!under,
      }),
    )
    .sort();
}

function expectAccounted({ cloud }: Harness, state: DeploymentState): void {
  expect([...state.instances.keys()].sort()).toEqual([...cloud.aliveIds()].sort());
  const owned = [...state.machines.values()].flatMap(({ id, stage }) =>
    id === null || stage === 'gone' ? [] : [id],
  );
  expect(owned.sort()).toEqual([...state.instances.keys()].sort());
  expect([...state.batches.keys()]).toEqual([]);
}

function expectNothing({ cloud }: Harness, state: DeploymentState): void {
  expect(cloud.alive()).toEqual([]);
  expect([...cloud.prepared]).toEqual([]);
  expect([state.instances.size, state.batches.size, state.scopes.size]).toEqual([0, 0, 0]);
  expect([...state.machines.values()].map(({ stage }) => stage).filter((stage) => stage !== 'gone')).toEqual(
    [],
  );
}

/** What was bootstrapped: machine, generation, and what it was told. */
function bootstraps({ machines }: Harness): readonly string[] {
  return machines.executions
    .filter(({ step }) => step === 'bootstrap')
    .map(({ machine, generation, run }) => {
      const told = Object.entries(run.env).filter(([name]) => !name.startsWith('PLAN_'));
      return `${machine} ${generation} ${told.map(([name, value]) => `${name}=${value}`).join(' ')}`;
    })
    .sort();
}

/** Runs a scenario with a kill, and lets the world go on for a while before the next command. */
async function survive(
  { store, before, damage, killed, after }: Scenario,
  at: KillPoint | null,
  pause: number,
) {
  const sick = new Set<string>();
  await using harness = await begin(store, sick);
  for (const [kind, text] of before) await harness.process(kind, await harness.plan(text));
  if (damage === 'two machines') {
    sick.add('db-1');
    harness.cloud.end(harness.cloud.instances.find(({ name }) => name === 'web-1')?.id ?? '');
    await harness.clock.sleep(1_000, forever);
  }
  const [kind, text] = killed;
  const plan = await harness.plan(text);
  const cut = await harness.process(kind, plan, at);
  const bootstrapped = bootstraps(harness);
  if (at === null) return { cut, final: cut.result === null ? [] : settled(cut.result.state), bootstrapped };
  await harness.clock.sleep(pause, forever);
  const isRecorded = (await harness.store.load(plan.deployment)) !== null;
  if (after === 'down' && !isRecorded) {
    await expect(harness.process('down', plan)).rejects.toThrow('There is no deployment');
    expect(harness.cloud.instances).toEqual([]);
    return { cut, final: [], bootstrapped };
  }
  const isHealing = kind === 'repair';
  const { result } = await harness.process(after, plan);
  if (result === null) throw new Error('The second process was killed');
  // A teardown cannot run on a machine that ended by itself.
  if (damage === 'none' || after !== 'down') expect(result.outcome).toBe('succeeded');
  const all = bootstraps(harness);
  if (!isHealing) expect(all.filter((run, i) => all.indexOf(run) !== i)).toEqual([]);
  if (after === 'down') expectNothing(harness, result.state);
  else {
    expectAccounted(harness, result.state);
    const again = await harness.process('up', plan);
    expect(again.result?.worked).toBe(false);
  }
  return { cut, final: settled(result.state), bootstrapped: all };
}

const forever = { signal: new AbortController().signal };
const MOMENTS = ['before', 'during', 'after'] as const;
/** Milliseconds until the next command: scripts still run, have ended, or their time is over long since. */
const PAUSES = [0, 60_000, 7_200_000];

/** Kills around everything that the killed operation does when it is not killed. Answers how often. */
async function surviveEveryKill(scenario: Scenario, only: (deed: string) => boolean): Promise<number> {
  const whole = await survive(scenario, null, 0);
  const [kind, text] = scenario.killed;
  const goal =
    kind === 'down' ? await survive({ ...scenario, before: [], killed: ['up', text] }, null, 0) : whole;
  const problems: string[] = [];
  let count = 0;
  for (const [i, deed] of whole.cut.deeds.entries()) {
    if (!only(deed)) continue;
    for (const moment of MOMENTS) {
      if (moment === 'during' && !deed.startsWith('cloud')) continue;
      count += 1;
      const pause = PAUSES[count % PAUSES.length] ?? 0;
      try {
        const { cut, final, bootstrapped } = await survive(scenario, { nth: i + 1, moment }, pause);
        expect(cut.result).toBeNull();
        if (scenario.after === 'down') continue;
        expect(final).toEqual(goal.final);
        if (kind !== 'down') expect(bootstrapped).toEqual(goal.bootstrapped);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        problems.push(`${moment} ${i + 1} "${deed}", ${pause} ms later: ${message}`);
      }
    }
  }
  expect(problems).toEqual([]);
  return count;
}

const OPERATIONS = [
  { name: 'up', before: [], damage: 'none', killed: ['up', STACK], again: 'up' },
  { name: 'down', before: [['up', STACK]], damage: 'none', killed: ['down', STACK], again: 'up' },
  {
    name: 'up of an edited plan',
    before: [['up', STACK]],
    damage: 'none',
    killed: ['up', EDITED],
    again: 'up',
  },
  {
    name: 'repair',
    before: [['up', STACK]],
    damage: 'two machines',
    killed: ['repair', STACK],
    again: 'repair',
  },
] as const;

describe.each(OPERATIONS)('$name that is killed', ({ again, ...scenario }) => {
  describe.each([again, 'down'] as const)('and followed by %s', { timeout: 180_000 }, (after) => {
    it('at any commit ends as if it had not been', async () => {
      const isCommit = (deed: string): boolean => deed.startsWith('commit');
      const count = await surviveEveryKill({ ...scenario, store: 'sqlite', after }, isCommit);
      expect(count).toBeGreaterThan(20);
    });

    it('at any call to a provider or script ends as if it had not been', async () => {
      const isEffect = (deed: string): boolean => !deed.startsWith('commit');
      const count = await surviveEveryKill({ ...scenario, store: 'memory', after }, isEffect);
      expect(count).toBeGreaterThan(20);
    });
  });
});
