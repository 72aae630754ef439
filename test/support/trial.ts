import fc from 'fast-check';
import { PlanError, UsageError } from '../../src/errors.ts';
import type { Fact, OperationKind, PlanRecord } from '../../src/fact.ts';
import type { Machine } from '../../src/machine.ts';
import type { OperationResult } from '../../src/engine/operation.ts';
import { ProviderError } from '../../src/providers/provider.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { applyFact } from '../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../src/state/deployment-state.ts';
import type { CloudFault } from './fake-cloud.ts';
import type { Harness } from './harness.ts';
import { createHarness } from './harness.ts';
import type { KillPoint } from './mortal.ts';

/** A service as chance draws it. */
export interface DrawnService {
  readonly min: number;
  readonly extra: number;
  readonly hasBootstrap: boolean;
  readonly hasVerify: boolean;
  readonly hasTeardown: boolean;
  /** Its bootstrap is told of the first service of its level. */
  readonly hasPeers: boolean;
}

export type Edit =
  | { readonly kind: 'count'; readonly level: number; readonly service: number; readonly by: number }
  | { readonly kind: 'add-level' }
  | { readonly kind: 'remove-service'; readonly level: number };

/** One command of the operator. */
export interface Command {
  readonly kind: OperationKind;
  readonly edits: readonly Edit[];
  readonly kill: KillPoint | null;
  /** Milliseconds of the clock until the next command. */
  readonly pause: number;
}

/** A deployment's life: commands on a cloud that errs and machines that fail, then calm. */
export interface Trial {
  readonly levels: readonly (readonly DrawnService[])[];
  readonly commands: readonly Command[];
  /** Of one call after the other. */
  readonly faults: readonly (CloudFault | null)[];
  /** Exit codes of one bootstrap after the other; 0 after the last. */
  readonly exitCodes: readonly number[];
  readonly batchLimit: number;
  readonly bootTime: number;
  readonly scriptTime: number;
}

const CONSISTENCY_DELAY = 1_000;
/** With half of the longest lateness, when a call has its effect, it is the consistency delay. */
const VISIBLE_AFTER = 400;
const LATEST = 1_200;

const service: fc.Arbitrary<DrawnService> = fc.record({
  min: fc.integer({ min: 1, max: 2 }),
  extra: fc.nat(2),
  hasBootstrap: fc.boolean(),
  hasVerify: fc.boolean(),
  hasTeardown: fc.boolean(),
  hasPeers: fc.boolean(),
});

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({
    kind: fc.constant('count' as const),
    level: fc.nat(2),
    service: fc.nat(1),
    by: fc.constantFrom(-2, -1, 1, 2),
  }),
  fc.record({ kind: fc.constant('add-level' as const) }),
  fc.record({ kind: fc.constant('remove-service' as const), level: fc.nat(2) }),
);

const fault: fc.Arbitrary<CloudFault> = fc.oneof(
  fc.constant({ kind: 'fails' as const }),
  fc.record({ kind: fc.constant('throttles' as const), retryAfter: fc.integer({ min: 1, max: 2_000 }) }),
  fc.constant({ kind: 'loses' as const }),
  fc.record({ kind: fc.constant('late' as const), by: fc.integer({ min: 1, max: LATEST }) }),
  fc.record({ kind: fc.constant('twice' as const), after: fc.integer({ min: 1, max: LATEST }) }),
  fc.constant({ kind: 'short' as const }),
  fc.record({ kind: fc.constant('ends' as const), nth: fc.nat(5) }),
);

const command: fc.Arbitrary<Command> = fc.record({
  kind: fc.oneof(
    { weight: 3, arbitrary: fc.constant('up' as const) },
    { weight: 1, arbitrary: fc.constant('repair' as const) },
    { weight: 1, arbitrary: fc.constant('down' as const) },
  ),
  edits: fc.array(edit, { maxLength: 2 }),
  kill: fc.option(
    fc.record({
      nth: fc.integer({ min: 1, max: 60 }),
      moment: fc.constantFrom('before' as const, 'during' as const, 'after' as const),
    }),
  ),
  pause: fc.constantFrom(0, 100, 5_000),
});

export const trials: fc.Arbitrary<Trial> = fc.record({
  levels: fc.array(fc.array(service, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 }),
  commands: fc.array(command, { minLength: 1, maxLength: 4 }),
  faults: fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fault }), {
    maxLength: 60,
  }),
  exitCodes: fc.array(fc.constantFrom(0, 0, 0, 1), { maxLength: 4 }),
  batchLimit: fc.constantFrom(1, 2, 1_000),
  bootTime: fc.constantFrom(0, 500),
  scriptTime: fc.constantFrom(0, 300),
});

/** Levels of services by name, which edits change. */
type Draft = readonly (readonly (DrawnService & { readonly name: string })[])[];

function edited(draft: Draft, change: Edit): Draft {
  switch (change.kind) {
    case 'count':
      return draft.map((services, level) =>
        services.map((one, at) => {
          if (level !== change.level || at !== change.service) return one;
          return change.by > 0
            ? { ...one, extra: one.extra + change.by }
            : { ...one, min: Math.max(1, one.min + change.by), extra: Math.max(0, one.extra + change.by) };
        }),
      );
    case 'add-level': {
      const plain = { hasBootstrap: true, hasVerify: true, hasTeardown: true, hasPeers: false };
      return [...draft, [{ name: `more${draft.length}`, min: 1, extra: 1, ...plain }]];
    }
    case 'remove-service':
      return draft.map((services, level) =>
        level === change.level && services.length > 1 ? services.slice(0, -1) : services,
      );
  }
}

/** A plan as JSON, which is YAML. */
function textOf(draft: Draft): string {
  const script = { run: 'true' };
  const levels = draft.map((services, level) => ({
    name: `level${level}`,
    services: Object.fromEntries(
      services.map(({ name, min, extra, hasBootstrap, hasVerify, hasTeardown, hasPeers }) => [
        name,
        {
          count: { min, max: min + extra },
          timeouts: { connect: '30s', bootstrap: '30s', terminate: '60s' },
          ...(hasBootstrap ? { bootstrap: script } : {}),
          ...(hasVerify ? { verify: { ...script, timeout: '20s' } } : {}),
          ...(hasTeardown ? { teardown: { ...script, timeout: '20s' } } : {}),
          ...(hasPeers
            ? { env: { PEERS: `{{join services.${services[0]?.name ?? name}.all.name ','}}` } }
            : {}),
        },
      ]),
    ),
  }));
  return JSON.stringify({ version: 1, name: 'stack', levels });
}

/** What a trial found wrong, a sentence each. */
export async function runTrial(trial: Trial): Promise<readonly string[]> {
  const exitCodes = [...trial.exitCodes];
  const faults = [...trial.faults];
  const chance: { hasEndedMachines: boolean } = { hasEndedMachines: false };
  await using harness = await createHarness({
    store: 'memory',
    batchLimit: trial.batchLimit,
    bootTime: trial.bootTime,
    endTime: 200,
    consistencyDelay: CONSISTENCY_DELAY,
    visibleAfter: VISIBLE_AFTER,
    connectTakes: 20,
    behave: (_machine, step) => {
      const exitCode = step === 'bootstrap' ? (exitCodes.shift() ?? 0) : 0;
      return { takes: trial.scriptTime, exitCode };
    },
  });
  const problems = new Set<string>();
  harness.cloud.fault = () => {
    const next = faults.shift() ?? null;
    if (next?.kind === 'ends') chance.hasEndedMachines = true;
    return next;
  };

  let draft: Draft = trial.levels.map((services, level) =>
    services.map((one, at) => ({ ...one, name: `s${level}x${at}` })),
  );
  for (const { kind, edits, kill, pause } of trial.commands) {
    if (kind === 'up') for (const change of edits) draft = edited(draft, change);
    await attempt(harness, kind, textOf(draft), kill);
    await rest(harness, pause);
    for (const problem of await unrecorded(harness)) problems.add(problem);
  }

  faults.length = 0;
  exitCodes.length = 0;
  await rest(harness, CONSISTENCY_DELAY);
  const text = textOf(draft);
  let calm = await attempt(harness, 'up', text, null);
  // A script that failed before may be heard of only now.
  if (calm?.outcome !== 'succeeded') calm = await attempt(harness, 'up', text, null);
  if (chance.hasEndedMachines) {
    calm = await attempt(harness, 'repair', text, null);
    // Members of a level that were verified before the others were replaced are told of them by an up.
    if (calm?.outcome === 'succeeded') calm = await attempt(harness, 'up', text, null);
  }
  for (const problem of await unrecorded(harness)) problems.add(problem);
  if (calm === null) problems.add('up or repair does not begin although nothing is wrong');
  else {
    if (calm.outcome !== 'succeeded')
      problems.add(
        `${chance.hasEndedMachines ? 'repair' : 'up'} fails although nothing is wrong: ${failures(calm.state)}`,
      );
    const again = await attempt(harness, 'up', text, null);
    const isWhole = [...calm.state.machines.values()].every(
      ({ wanted, stage }) => !wanted || stage === 'ready',
    );
    if (calm.outcome === 'succeeded' && isWhole && again?.worked !== false)
      problems.add('a second up is not a no-op');
  }
  const down = await attempt(harness, 'down', text, null);
  await rest(harness, CONSISTENCY_DELAY);
  for (const problem of await left(harness, down)) problems.add(problem);
  const recorded = await history(harness);
  for (const problem of [...earlyStarts(recorded), ...harm(recorded), ...repeated(harness, recorded)])
    problems.add(problem);
  return [...problems];
}

async function rest({ clock }: Harness, milliseconds: number): Promise<void> {
  await clock.sleep(milliseconds, { signal: new AbortController().signal });
}

/** Null: it was killed, or it did not begin for a reason that a user is told. */
async function attempt(
  harness: Harness,
  kind: OperationKind,
  text: string,
  kill: KillPoint | null,
): Promise<OperationResult | null> {
  const plan = kind === 'up' ? await harness.plan(text) : await harness.recorded('stack');
  if (plan === null) return null;
  try {
    return (await harness.process(kind, plan, kill)).result;
  } catch (error) {
    const isUnknown = kind !== 'up' && error instanceof UsageError;
    const cannotBegin = kind !== 'down' && (error instanceof ProviderError || error instanceof PlanError);
    if (isUnknown || cannotBegin) return null;
    throw error;
  }
}

/** No machine without a record. */
async function unrecorded({ cloud, store }: Harness): Promise<readonly string[]> {
  const state = await store.load('stack');
  const tokens = new Set([...(state?.batches.values() ?? [])].map(({ token }) => token));
  const alive = new Set(cloud.aliveIds());
  return cloud.instances
    .filter(({ id, token }) => alive.has(id) && state?.instances.has(id) !== true && !tokens.has(token))
    .map(({ id, name }) => `${name} (${id}) is alive without a record`);
}

/** After down nothing is left. */
async function left({ cloud, store }: Harness, down: OperationResult | null): Promise<readonly string[]> {
  const problems = cloud.alive().map((name) => `${name} is alive after down`);
  if (cloud.prepared.size > 0) problems.push('what prepare made is there after down');
  const state = await store.load('stack');
  if (state === null) return problems;
  if (down === null) problems.push('down did not begin');
  if (state.instances.size + state.batches.size + state.scopes.size > 0)
    problems.push('instances, batches or scopes are recorded after down');
  for (const { name, stage } of state.machines.values())
    if (stage !== 'gone') problems.push(`${name} is "${stage}" after down`);
  return problems;
}

function failures({ machines }: DeploymentState): string {
  return [...machines.values()]
    .map(({ name, stage, failure }) => `${name} ${stage} ${failure?.message ?? ''}`)
    .join(', ');
}

/**
 * No finished bootstrap again: on one machine it succeeds once, until it is told something else. An edit that was taken
 * back counts as something else where an operation had recorded in between that the machine is to be told of it.
 */
function repeated({ machines }: Harness, moments: readonly Moment[]): readonly string[] {
  const latest = new Map<string, string>();
  const revisions = new Map<string, number>();
  for (const { fact } of moments) {
    if (fact.type !== 'machine-revised' || fact.to !== 'bootstrap') continue;
    const name = `${fact.machine} in generation ${fact.generation}`;
    revisions.set(name, (revisions.get(name) ?? 0) + 1);
  }
  return machines.executions.flatMap(({ step, exitCode, machine, generation, run }) => {
    if (step !== 'bootstrap' || exitCode !== 0) return [];
    const name = `${machine} in generation ${generation}`;
    const told = run.env['PEERS'] ?? '';
    const isSame = latest.get(name) === told;
    const wasRecorded = latest.has(name) && (revisions.get(name) ?? 0) > 0;
    if (wasRecorded) revisions.set(name, (revisions.get(name) ?? 0) - 1);
    latest.set(name, told);
    return isSame && !wasRecorded ? [`bootstrap ran again on ${name}`] : [];
  });
}

interface Moment {
  readonly fact: Fact;
  /** Before the fact. */
  readonly machines: ReadonlyMap<string, Machine>;
  readonly plan: PlanRecord | null;
  readonly operation: OperationKind | null;
}

/** Every fact with what was true before it. */
async function history({ store }: Harness): Promise<readonly Moment[]> {
  const known = await store.load('stack');
  if (known === null) return [];
  const facts = (await store.events(known.uuid, { after: 0, limit: Infinity })).map(({ fact }) => fact);
  const state = emptyState({ name: known.name, uuid: known.uuid, at: known.createdAt });
  return facts.map((fact) => {
    const { plan, operation, machines } = state;
    const isOver = operation === null || operation.endedAt !== null;
    const moment = { fact, machines: new Map(machines), plan, operation: isOver ? null : operation.kind };
    applyFact(state, fact, nothingTouched());
    return moment;
  });
}

/** No level starts early: every machine below is ready or was given up, with at least `min` of each service ready. */
function earlyStarts(moments: readonly Moment[]): readonly string[] {
  const problems: string[] = [];
  for (const { fact, machines, plan, operation } of moments) {
    const name =
      fact.type === 'launch-requested'
        ? fact.batch.machines[0]?.name
        : fact.type === 'step-started' && fact.step === 'bootstrap'
          ? fact.machine
          : undefined;
    if (name === undefined || operation !== 'up' || plan === null) continue;
    const level = machines.get(name)?.level;
    for (const below of plan.levels.slice(
      0,
      plan.levels.findIndex((one) => one.name === level),
    )) {
      for (const { name: lower, min, max } of below.services) {
        const all = [...machines.values()].filter((one) => one.service === lower && one.wanted);
        const ready = all.filter(({ stage }) => stage === 'ready').length;
        const unsettled = all.filter(({ stage, gaveUp }) => stage !== 'ready' && !gaveUp).length;
        if (ready < min || unsettled > 0 || all.length < max)
          problems.push(
            `${fact.type} of ${name} although ${lower} has ${ready} ready and ${unsettled} unsettled`,
          );
      }
    }
  }
  return problems;
}

/** No ready machine harmed: `up` lets no machine go that is ready and wanted, unless its teardown had begun. */
function harm(moments: readonly Moment[]): readonly string[] {
  return moments.flatMap(({ fact, machines, operation }) => {
    if (operation === 'down') return [];
    const named =
      fact.type === 'instance-condemned'
        ? [fact.machine]
        : fact.type === 'terminate-requested' || fact.type === 'machines-dropped'
          ? fact.machines
          : fact.type === 'launch-requested'
            ? fact.batch.machines.map(({ name }) => name)
            : [];
    return named
      .map((name) => machines.get(name))
      .filter((one) => one?.wanted === true && one.stage === 'ready' && (one.attempts.teardown ?? 0) === 0)
      .map((one) => `${fact.type} of ${one?.name ?? ''}, which is ready`);
  });
}
