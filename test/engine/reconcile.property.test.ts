import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Revision } from '../../src/engine/revision.ts';
import type { Decision, Step } from '../../src/engine/step.ts';
import { subjectsOf } from '../../src/engine/step.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import type { TendVerb } from '../../src/engine/tend-goal.ts';
import { isTendable, roomsFor, servicesByName } from '../../src/engine/tend-goal.ts';
import type { Goal, Look, Reconciliation } from '../../src/engine/situation.ts';
import { firstIndexes } from '../../src/count.ts';
import type { FactBody } from '../../src/fact.ts';
import type { Machine } from '../../src/machine.ts';
import type { Plan, Service } from '../../src/plan/plan.ts';
import { servicesOf } from '../../src/plan/plan.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { applyFact } from '../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../src/state/deployment-state.ts';
import { openLevel } from '../../src/state/tally.ts';
import type { StepKind } from '../../src/step.ts';

/** A service as the property draws it. */
interface Drawn {
  readonly min: number;
  readonly extra: number;
  readonly hasBootstrap: boolean;
  readonly hasVerify: boolean;
  readonly hasTeardown: boolean;
  /** Mentions the first service of its level. */
  readonly hasPeers: boolean;
}

const drawn = fc.record({
  min: fc.nat(3),
  extra: fc.nat(2),
  hasBootstrap: fc.boolean(),
  hasVerify: fc.boolean(),
  hasTeardown: fc.boolean(),
  hasPeers: fc.boolean(),
});
const drawnPlan = fc.array(fc.array(drawn, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });

function planOf(levels: readonly (readonly Drawn[])[]): Plan {
  const script = {
    kind: 'inline',
    label: 'run',
    entries: [],
    main: 'run',
    args: [],
    env: {},
    user: null,
    timeout: 1,
    attempts: 2,
  } as const;
  const check = {
    kind: 'script',
    script,
    fatalExitCodes: [],
    interval: 1,
    tryTimeout: 1,
    timeout: 1,
    successes: 1,
  } as const;
  return {
    name: 'p',
    description: null,
    deployment: 'p',
    path: '/p.yml',
    digest: 'd',
    inputs: {},
    providers: {},
    ttl: null,
    sources: new Map(),
    levels: levels.map((services, index) => ({
      name: `level${index}`,
      index,
      services: services.map(
        ({ min, extra, hasBootstrap, hasVerify, hasTeardown, hasPeers }, i): Service => ({
          name: `s${index}x${i}`,
          level: `level${index}`,
          levelIndex: index,
          provider: i % 2 === 0 ? 'even' : 'odd',
          count: { min, max: min + extra },
          indexes: firstIndexes(min + extra),
          planned: null,
          protect: false,
          image: null,
          imageDirectory: '/',
          options: {},
          ssh: {},
          user: null,
          env: {},
          files: [],
          bootstrap: hasBootstrap ? script : null,
          verify: hasVerify ? [check] : [],
          teardown: hasTeardown ? script : null,
          outputs: {},
          labels: {},
          timeouts: { launch: 1, connect: 1, bootstrap: 1, verify: 1, teardown: 1, terminate: 1 },
          attempts: { launch: 2, bootstrap: 2 },
          launchesOneByOne: false,
          colocate: null,
          hostKeyByProvider: true,
          repair: { attempts: 2 },
          update: null,
          peers: hasPeers ? [`s${index}x0`] : [],
        }),
      ),
    })),
  };
}

/** A deployment whose steps end as chance has it: everything but effects is the real thing. */
class Simulation {
  readonly state: DeploymentState;
  readonly busy = new Map<string, Step>();
  readonly levelsAtStart: { readonly step: Step; readonly level: number; readonly open: number }[] = [];
  now = 1_000;
  private touched = nothingTouched();
  private nextId = 1;
  private readonly revisions = {
    unseen: new Set<string>(),
    pending: new Map<string, Map<string, Revision>>(),
    recheck: new Set<string>(),
  };
  /** Machines whose retry waits; the engine looks at them again when its alarm rings. */
  private readonly sleepers = new Set<string>();
  private readonly plan: Plan;
  private goal: Goal;
  private isFirstLook = true;

  constructor(plan: Plan) {
    this.plan = plan;
    this.goal = { kind: 'up', plan };
    this.state = emptyState({ name: 'p', uuid: 'u', at: 0 });
    const levels = plan.levels.map(({ name, services }) => ({
      name,
      services: services.map((service) => ({
        name: service.name,
        provider: service.provider,
        ...service.count,
      })),
    }));
    this.apply([
      {
        type: 'plan-recorded',
        plan: { digest: 'd', path: '/p.yml', name: 'p', inputs: {}, archive: 'a', levels },
      },
    ]);
  }

  begin(goal: Exclude<Goal, { readonly kind: 'ask' }>, id: number): void {
    this.goal = goal;
    this.isFirstLook = true;
    const operation = {
      id,
      kind: goal.kind === 'tend' ? goal.verb : goal.kind,
      owner: 'o',
      planDigest: 'd',
      startedAt: 0,
      endedAt: null,
      outcome: null,
    };
    this.apply([{ type: 'operation-started', operation }]);
  }

  /** Does that to every machine of which the choice says so, at most so many of a service at the same time. */
  tend(verb: TendVerb, choice: number, most: number | null, id: number): ReadonlySet<string> {
    const machines = [...this.state.machines.values()].filter(
      (machine, i) => isTendable(machine) && ((choice >> (i % 8)) & 1) === 1,
    );
    const groups = this.plan.levels
      .map(({ name }) => new Set(machines.filter(({ level }) => level === name).map((one) => one.name)))
      .filter(({ size }) => size > 0);
    const pace = { maxUnavailable: most, failFast: false };
    const services = servicesByName(this.plan);
    const to = verb === 'start' ? 'look' : verb;
    this.revisions.pending.clear();
    for (const { name, service } of machines) {
      const pending = this.revisions.pending.get(service) ?? new Map<string, Revision>();
      this.revisions.pending.set(service, pending.set(name, { machine: name, to, cause: verb }));
    }
    this.levelsAtStart.length = 0;
    const ordered = verb === 'stop' ? groups.reverse() : groups;
    const rooms = roomsFor(machines, pace);
    const teardown = choice % 2 === 0;
    this.begin({ kind: 'tend', verb, services, groups: ordered, teardown, pace, rooms }, id);
    return new Set(machines.map(({ name }) => name));
  }

  apply(bodies: readonly FactBody[]): void {
    for (const body of bodies) applyFact(this.state, { ...body, at: this.now }, this.touched);
  }

  /** Looks at what was touched and at everything, and answers both. */
  look(): { readonly touched: Reconciliation; readonly all: Reconciliation } {
    const { machines, reached } = this.touched;
    for (const name of this.sleepers) machines.add(name);
    this.sleepers.clear();
    const look: Look = this.isFirstLook ? { kind: 'all' } : { kind: 'touched', machines, reached };
    this.isFirstLook = false;
    this.touched = nothingTouched();
    const at = (one: Look): Reconciliation =>
      reconcile(this.goal, {
        state: this.state,
        look: one,
        busy: new Set(this.busySubjects()),
        now: this.now,
        batchLimit: () => 2,
        hasTeardown: (machine) => this.hasTeardown(machine),
        revise: () => null,
        revisions: this.revisions,
      });
    return { touched: at(look), all: at({ kind: 'all' }) };
  }

  take({ decide, start, sleeping }: Reconciliation): void {
    for (const name of sleeping) this.sleepers.add(name);
    for (const decision of decide) this.apply(this.factsOf(decision));
    for (const step of start) {
      const machine = 'machine' in step ? this.state.machines.get(step.machine) : undefined;
      const level = this.plan.levels.findIndex(({ name }) => name === machine?.level);
      this.levelsAtStart.push({ step, level, open: openLevel(this.state.tallies) });
      for (const subject of subjectsOf(step)) this.busy.set(subject, step);
    }
  }

  /** Ends one of the steps under way; `luck` below 0.7 lets it succeed. */
  end(pick: number, luck: number): void {
    const steps = [...new Set(this.busy.values())];
    const step = steps[pick % steps.length];
    if (step === undefined) return;
    for (const subject of subjectsOf(step)) this.busy.delete(subject);
    this.now += 1;
    this.apply(this.goal.kind === 'tend' ? lasting(this.endOf(step, luck)) : this.endOf(step, luck));
  }

  private hasTeardown({ service }: Machine): boolean {
    return servicesOf(this.plan).some(({ name, teardown }) => name === service && teardown !== null);
  }

  private busySubjects(): Iterable<string> {
    return this.busy.keys();
  }

  private factsOf(decision: Decision): readonly FactBody[] {
    const at = { attempt: 1, startedAt: this.now };
    switch (decision.kind) {
      case 'skip':
        return decision.machines.map((machine) => ({
          type: 'step-succeeded',
          machine,
          generation: this.generation(machine),
          step: decision.step,
          ...at,
          skipped: true,
        }));
      case 'revise': {
        const { machine, to, cause } = decision.revision;
        const service = this.state.machines.get(machine)?.service ?? '';
        this.revisions.pending.get(service)?.delete(machine);
        if (this.revisions.pending.get(service)?.size === 0) this.revisions.pending.delete(service);
        if (to === 'label') return [];
        return [{ type: 'machine-revised', machine, generation: this.generation(machine), to, cause }];
      }
      case 'condemn':
        return [];
      case 'halt':
        return decision.machines.map((machine) => ({
          type: 'machine-stopped',
          machine,
          generation: this.generation(machine),
        }));
      case 'retire':
        return [{ type: 'terminate-requested', machines: decision.machines }];
      case 'drop':
        return [{ type: 'machines-dropped', machines: decision.machines }];
      case 'give-up':
        return [this.failed(decision.machine, decision.failure.step, true)];
    }
  }

  private endOf(step: Step, luck: number): readonly FactBody[] {
    const succeeds = luck < 0.7;
    switch (step.kind) {
      case 'request': {
        const machines = step.machines.map((name) => ({ name, generation: this.generation(name) + 1 }));
        const number = this.state.lastBatch + 1;
        const provider = this.state.machines.get(step.machines[0] ?? '')?.provider ?? '';
        const batch = {
          number,
          service: step.service,
          provider,
          machines,
          min: step.min,
          token: `t${number}`,
          request: { sensitive: '' },
        };
        return [{ type: 'launch-requested', batch }];
      }
      case 'launch':
      case 'find': {
        const batch = this.state.batches.get(step.batch);
        const failed = {
          failure: failure('launch'),
          gaveUp: luck > 0.9,
          retryAt: luck > 0.8 && luck <= 0.9 ? this.now + 3 : null,
        };
        if (!succeeds && step.kind === 'launch')
          return [{ type: 'launch-refused', batch: step.batch, failed }];
        const ids = (batch?.machines ?? []).map((_, i) =>
          luck > 0.5 && i > 0 ? null : `i-${this.nextId++}`,
        );
        const shortfall = step.kind === 'launch' ? { ...failed, gaveUp: true, retryAt: null } : null;
        return [{ type: 'launch-answered', batch: step.batch, ids, shortfall }];
      }
      case 'terminate':
        return step.instances.flatMap((id): FactBody[] => {
          if (succeeds) return [{ type: 'instances-gone', ids: [id] }];
          const instance = this.state.instances.get(id);
          const machine = this.state.machines.get(instance?.machine ?? '');
          if (machine?.id !== id) return [{ type: 'instance-kept', id, problem: '' }];
          return [this.failed(machine.name, 'terminate', true)];
        });
      case 'boot': {
        const { machine } = step;
        const addresses = { hostname: 'h', address: 'a', privateIp: null, publicIp: null };
        const access = {
          kind: 'ssh',
          host: 'h',
          port: 22,
          user: 'u',
          privateKey: 'k',
          hostKey: null,
        } as const;
        const generation = this.generation(machine);
        if (succeeds) return [{ type: 'machine-running', machine, generation, addresses, access }];
        if (luck > 0.85) return [this.failed(machine, 'launch', true)];
        return [
          this.failed(machine, 'launch', false),
          { type: 'instance-condemned', machine, generation, cause: 'c' },
        ];
      }
      case 'stop': {
        const { machine } = step;
        if (!succeeds) return [this.failed(machine, 'stop', true)];
        return [{ type: 'machine-stopped', machine, generation: this.generation(machine) }];
      }
      case 'reboot': {
        const { machine } = step;
        if (!succeeds) return [this.failed(machine, 'launch', true)];
        const generation = this.generation(machine);
        return [{ type: 'machine-revised', machine, generation, to: 'connect', cause: 'c' }];
      }
      case 'label':
        return [];
      case 'connect':
      case 'bootstrap':
      case 'verify':
      case 'teardown': {
        const { machine, kind } = step;
        const generation = this.generation(machine);
        const recorded = kind === 'bootstrap' || kind === 'teardown';
        const begun: FactBody[] = recorded
          ? [{ type: 'step-started', machine, generation, step: kind, attempt: 1 }]
          : [];
        if (!succeeds) return [...begun, this.failed(machine, kind, kind !== 'bootstrap' || luck > 0.8)];
        return [
          ...begun,
          { type: 'step-succeeded', machine, generation, step: kind, attempt: 1, startedAt: this.now },
        ];
      }
    }
  }

  private failed(machine: string, step: StepKind, gaveUp: boolean): FactBody {
    const failed = { failure: failure(step), gaveUp, retryAt: null };
    return {
      type: 'step-failed',
      machine,
      generation: this.generation(machine),
      step,
      attempt: 1,
      startedAt: this.now,
      failed,
    };
  }

  private generation(name: string): number {
    return this.state.machines.get(name)?.generation ?? 0;
  }
}

/** No instance goes when machines are only started, stopped or rebooted. */
function lasting(facts: readonly FactBody[]): readonly FactBody[] {
  const kept = facts.filter(({ type }) => type !== 'instance-condemned');
  const isLast = kept.length < facts.length;
  return kept.map((fact) =>
    fact.type === 'step-failed' && isLast ? { ...fact, failed: { ...fact.failed, gaveUp: true } } : fact,
  );
}

function failure(step: StepKind) {
  return { step, reason: 'error', message: 'm', exitCode: null, logTail: [], logPath: null } as const;
}

function lines({ decide, start }: Reconciliation): readonly string[] {
  return [...decide, ...start].map((one) => JSON.stringify(one)).sort();
}

/** Plays an operation to its end, or kills it after `turns`, comparing both looks at every turn. */
function play(
  simulation: Simulation,
  chances: readonly (readonly [number, number])[],
  turns = Infinity,
): void {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (turn >= turns) {
      simulation.busy.clear();
      return;
    }
    for (;;) {
      const { touched, all } = simulation.look();
      expect(lines(touched)).toEqual(lines(all));
      simulation.take(touched);
      if (touched.decide.length === 0) {
        if (touched.start.length === 0 && simulation.busy.size === 0) {
          if (touched.wakeAt === null) return;
          // The engine wakes sleepers up; here everything is looked at again.
          simulation.now = touched.wakeAt;
          const { all: later } = simulation.look();
          simulation.take(later);
          if (later.decide.length === 0) break;
        } else break;
      }
    }
    const [pick, luck] = chances[turn % chances.length] ?? [0, 0];
    simulation.end(pick, luck);
  }
  expect.fail('The operation does not end.');
}

const chances = fc.array(fc.tuple(fc.nat(50), fc.double({ min: 0, max: 1, noNaN: true })), {
  minLength: 5,
  maxLength: 60,
});

describe('reconcile()', () => {
  it('finds with touched sets what it finds when it looks at everything, up and down, and ends', () => {
    fc.assert(
      fc.property(drawnPlan, chances, chances, fc.nat(40), (levels, first, second, cut) => {
        const plan = planOf(levels);
        const simulation = new Simulation(plan);
        simulation.begin({ kind: 'up', plan }, 1);
        play(simulation, first, cut);
        simulation.begin({ kind: 'up', plan }, 2);
        play(simulation, first);
        for (const { level, open } of simulation.levelsAtStart) if (level !== -1) expect(level).toBe(open);
        simulation.begin({ kind: 'down' }, 3);
        play(simulation, second);
        simulation.begin({ kind: 'down' }, 4);
        play(simulation, [[0, 0]]);
        expect([...simulation.state.machines.values()].filter(({ stage }) => stage !== 'gone')).toEqual([]);
        expect(simulation.state.instances.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  const verbs = fc.array(fc.tuple(fc.constantFrom('stop', 'start', 'reboot'), fc.nat(255), fc.nat(3)), {
    minLength: 1,
    maxLength: 4,
  });

  it('does the same with machines that are stopped, started and rebooted, and touches no others', () => {
    fc.assert(
      fc.property(drawnPlan, chances, chances, verbs, (levels, first, second, tended) => {
        const plan = planOf(levels);
        const simulation = new Simulation(plan);
        simulation.begin({ kind: 'up', plan }, 1);
        play(simulation, first);
        for (const [i, [verb, choice, most]] of tended.entries()) {
          const selected = simulation.tend(verb, choice, most === 0 ? null : most, i + 2);
          play(simulation, second, choice % 3 === 0 ? choice % 16 : Infinity);
          for (const { step } of simulation.levelsAtStart)
            expect('machine' in step && selected.has(step.machine)).toBe(true);
        }
        simulation.begin({ kind: 'up', plan }, 9);
        play(simulation, [[0, 0]]);
        for (const machine of simulation.state.machines.values()) expect(machine.stage).toBe('ready');
      }),
      { numRuns: 300 },
    );
  });
});
