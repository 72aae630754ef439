import fc from 'fast-check';
import type { Fact, FactBody, LevelRecord, PlanRecord, StepFailure } from '../../src/fact.ts';
import type { Machine } from '../../src/machine.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { applyFact } from '../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../src/state/deployment-state.ts';
import type { StepKind } from '../../src/step.ts';

/** A value that no file may hold in clear. */
export const TOKEN = 'correct horse battery staple';

export const created = {
  type: 'deployment-created',
  name: 'web-stack',
  uuid: 'uuid-1',
  at: 1,
} as const satisfies Fact;

/** Histories that an engine might write: at each place one of the facts that make sense there. */
export const histories: fc.Arbitrary<readonly Fact[]> = fc
  .array(fc.nat(), { maxLength: 150, size: 'max' })
  .map((choices) => historyOf(choices));

/** The history that these choices make; each number picks one of the facts that make sense next. */
export function historyOf(choices: readonly number[]): readonly Fact[] {
  const facts: Fact[] = [created, { type: 'plan-recorded', plan: planOf(choices[0] ?? 0), at: 2 }];
  const state = emptyState(created);
  for (const fact of facts) applyFact(state, fact, nothingTouched());
  for (const [index, choice] of choices.entries()) {
    const bodies = possible(state, choice);
    const body = bodies[choice % bodies.length];
    if (body === undefined) continue;
    const fact: Fact = { ...body, at: 10 + index };
    facts.push(fact);
    applyFact(state, fact, nothingTouched());
  }
  return facts;
}

const PLANS: readonly (readonly LevelRecord[])[] = [
  [level('data', { db: [1, 2] }), level('app', { web: [2, 3], worker: [0, 1] })],
  [level('data', { db: [1, 1] }), level('app', { web: [0, 0] })],
  [level('all', { db: [2, 2], web: [1, 3], extra: [1, 1] })],
  [],
];

function level(
  name: string,
  services: Readonly<Record<string, readonly [min: number, max: number]>>,
): LevelRecord {
  return {
    name,
    services: Object.entries(services).map(([service, [min, max]]) => ({
      name: service,
      provider: 'local',
      min,
      max,
    })),
  };
}

function planOf(choice: number): PlanRecord {
  const levels = PLANS[choice % PLANS.length] ?? [];
  return {
    digest: `d${choice}`,
    path: '/plans/web.yml',
    name: 'web',
    inputs: { a: 'b' },
    archive: 'x',
    levels,
  };
}

/** Facts about nothing in particular are few, so that machines come far. */
function possible(state: DeploymentState, choice: number): readonly FactBody[] {
  const bodies = [...state.machines.values()].flatMap((machine) => aboutMachine(machine, choice));
  for (const { number, machines } of state.batches.values()) {
    const ids = machines.map(({ name, generation }, index) =>
      choice & (8 << index) ? null : `i-${name}-${generation}`,
    );
    bodies.push({
      type: 'launch-answered',
      batch: number,
      ids,
      shortfall: choice & 4 ? failed('launch', choice) : null,
    });
    bodies.push({ type: 'launch-refused', batch: number, failed: failed('launch', choice) });
  }
  for (const { id, condemned } of state.instances.values()) {
    if (condemned === null) continue;
    bodies.push({ type: 'instances-gone', ids: [id] }, { type: 'instance-kept', id, problem: 'no' });
  }
  return [...bodies, ...launches(state), aboutDeployment(state, choice)];
}

function launches(state: DeploymentState): readonly FactBody[] {
  const free = [...state.machines.values()].filter(({ stage, gaveUp }) => stage === 'none' && !gaveUp);
  const [first] = free;
  if (first === undefined) return [];
  const machines = free
    .filter(({ service }) => service === first.service)
    .map(({ name, generation }) => ({ name, generation: generation + 1 }));
  const number = state.lastBatch + 1;
  const request = { sensitive: JSON.stringify({ userData: TOKEN }) };
  const { service, provider } = first;
  return [
    {
      type: 'launch-requested',
      batch: {
        number,
        service,
        provider,
        machines,
        min: 1,
        token: `t${number}`,
        request,
        labels: { tier: 'w' },
      },
    },
  ];
}

function aboutDeployment(state: DeploymentState, choice: number): FactBody {
  const id = state.operation?.id ?? 0;
  switch (choice % 8) {
    case 0:
      return { type: 'plan-recorded', plan: planOf(choice) };
    case 1:
      return {
        type: 'operation-started',
        operation: {
          id: id + 1,
          kind: 'up',
          owner: 'ann@host',
          planDigest: 'd',
          startedAt: 5,
          endedAt: null,
          outcome: null,
        },
      };
    case 2:
      return { type: 'operation-ended', id, outcome: 'failed' };
    case 3:
      return { type: 'scope-prepared', provider: 'local' };
    case 4:
      if (choice % 5 === 0) return { type: 'expiry-told' };
      return { type: 'expiry-set', expiresAt: choice % 3 === 0 ? null : 1_000 + choice };
    case 5:
      return {
        type: 'count-overridden',
        service: 'web',
        override: choice % 3 === 0 ? null : { count: { min: 1, max: 3 }, without: [choice % 2] },
      };
    case 6: {
      const [first, ...others] = planOf(choice).levels;
      const web = {
        name: 'web',
        provider: 'local',
        min: 1,
        max: 2,
        indexes: [0, 2],
        planned: { min: 3, max: 3 },
      };
      const services = [...(first?.services ?? []).filter(({ name }) => name !== 'web'), web];
      const rest = others.map((one) => ({
        ...one,
        services: one.services.filter(({ name }) => name !== 'web'),
      }));
      return {
        type: 'plan-recorded',
        plan: { ...planOf(choice), levels: [{ name: first?.name ?? 'only', services }, ...rest] },
      };
    }
    default:
      return { type: 'scope-released', provider: 'local' };
  }
}

function aboutMachine(machine: Machine, choice: number): readonly FactBody[] {
  const { name, generation, running } = machine;
  const about = { machine: name, generation, startedAt: 7 };
  const attempt = (step: StepKind): number => (machine.attempts[step] ?? 0) + 1;
  const fails = (step: StepKind): FactBody => ({
    ...about,
    type: 'step-failed',
    step,
    attempt: attempt(step),
    failed: failed(step, choice),
  });
  if (running !== null) {
    const { step, attempt } = running;
    const outputs = { port: '7070', token: { sensitive: TOKEN }, encrypted: 'no', sensitive: 'neither' };
    return [
      { ...about, type: 'step-succeeded', step, attempt, ...(step === 'bootstrap' ? { outputs } : {}) },
      { ...about, type: 'step-failed', step, attempt, failed: failed(step, choice) },
    ];
  }
  const ways: FactBody[] = [];
  if (machine.id !== null && machine.stage !== 'leaving') {
    ways.push({ type: 'terminate-requested', machines: [name] });
    if (choice & 1)
      ways.push({ type: 'instance-condemned', machine: name, generation, cause: 'never reached' });
    if (choice & 2)
      ways.push({
        type: 'step-started',
        machine: name,
        generation,
        step: 'teardown',
        attempt: attempt('teardown'),
      });
  }
  switch (machine.stage) {
    case 'none':
      return [...ways, { type: 'machines-dropped', machines: [name] }];
    case 'launched':
      return [...ways, comesUp(name, generation), comesUp(name, generation - 1)];
    case 'running':
      return [
        ...ways,
        {
          ...about,
          type: 'step-succeeded',
          step: 'connect',
          attempt: attempt('connect'),
          hostKey: 'ssh-ed25519 AAAA',
        },
        fails('connect'),
      ];
    case 'connected':
      return [
        ...ways,
        { type: 'step-started', machine: name, generation, step: 'bootstrap', attempt: attempt('bootstrap') },
        { ...about, type: 'step-succeeded', step: 'bootstrap', attempt: attempt('bootstrap'), skipped: true },
      ];
    case 'bootstrapped':
      return [
        ...ways,
        { ...about, type: 'step-succeeded', step: 'verify', attempt: attempt('verify') },
        fails('verify'),
      ];
    case 'leaving':
      return [
        ...ways,
        { type: 'instances-gone', ids: machine.id === null ? [] : [machine.id] },
        fails('terminate'),
      ];
    case 'rebooting':
      return [
        ...ways,
        { type: 'machine-revised', machine: name, generation, to: 'connect', cause: 'rebooted' },
      ];
    case 'stopping':
      return [...ways, { type: 'machine-stopped', machine: name, generation }, fails('stop')];
    case 'stopped':
      return [
        ...ways,
        { type: 'machine-revised', machine: name, generation, to: 'look', cause: 'it is stopped' },
      ];
    case 'replacing':
      return [...ways, { type: 'instance-condemned', machine: name, generation, cause: 'its image changed' }];
    case 'ready':
      return [
        ...ways,
        ...(['replace', 'stop', 'reboot', 'look', 'connect', 'bootstrap', 'verify'] as const).map(
          (to): FactBody => ({
            type: 'machine-revised',
            machine: name,
            generation,
            to,
            cause: 'env A changed',
          }),
        ),
        { type: 'machine-labelled', machine: name, generation, made: { tier: 'x' }, labels: { tier: 'x' } },
        { type: 'machine-labelled', machine: name, generation, made: { tier: 'y', zone: 'y' } },
      ];
    case 'requested':
    case 'gone':
      return ways;
  }
}

function comesUp(machine: string, generation: number): FactBody {
  const host = '127.0.0.9';
  return {
    type: 'machine-running',
    machine,
    generation,
    addresses: { hostname: host, address: host, privateIp: host, publicIp: null },
    access: { kind: 'ssh', host, port: 22, user: 'ann', privateKey: '/k', hostKey: null },
  };
}

function failed(step: StepKind, choice: number): StepFailure {
  const message = 'It did not work';
  const failure = { step, reason: 'error', message, exitCode: null, logTail: ['a'], logPath: null } as const;
  return { failure, gaveUp: (choice & 16) > 0, retryAt: (choice & 32) > 0 ? 99 : null };
}
