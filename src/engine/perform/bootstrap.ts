import { spellDuration } from '../../duration.ts';
import type { FactBody } from '../../fact.ts';
import type { Failure } from '../../failure.ts';
import type { Machine, Parts } from '../../machine.ts';
import type { Service } from '../../plan/plan.ts';
import type { Scope } from '../../plan/template.ts';
import { render } from '../../plan/template.ts';
import type { Sensitive } from '../../sensitive.ts';
import { bootstrapParts } from '../made.ts';
import { parseOutputs } from '../outputs.ts';
import type { Cancel, PerformContext } from './context.ts';
import { baseOf, failureOf, machineOf } from './context.ts';
import { filesOf, scriptInput } from './script-input.ts';
import { supervise } from './supervise.ts';
import { persist, targetOf } from './use-connection.ts';
import { within } from '../limit.ts';

type Outputs = Readonly<Record<string, string | Sensitive>>;
type Result =
  /** `isOld`: by what an earlier operation had told the script. */
  | { readonly kind: 'done'; readonly outputs: Outputs; readonly isOld: boolean }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Puts the files of a service on a machine and runs its bootstrap script; goes on with one that still runs. */
export async function bootstrap(
  name: string,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  return context.scripts.run(async () => {
    const machine = machineOf(context.journal, name);
    const service = context.service(machine.service);
    const { generation } = machine;
    const resumed = machine.running?.step === 'bootstrap' ? machine.running : null;
    const attempt = resumed?.attempt ?? (machine.attempts.bootstrap ?? 0) + 1;
    const startedAt = resumed?.since ?? context.wiring.clock.now();
    const scope = context.scopes.bootstrap(service, machine);
    const constants = constantOutputs(service, scope);
    const made = bootstrapParts(service, scope, (text) => context.wiring.store.fingerprint(text));
    context.tell({ type: 'step-began', machine: name, step: 'bootstrap', attempt });
    const perform = service.bootstrap === null ? putFiles : runScript;
    const result = await perform(
      { machine, service, scope, attempt, startedAt, made, isResumed: resumed !== null },
      context,
      cancel,
    );
    if (result.kind === 'done') {
      const outputs = { ...constants, ...result.outputs };
      return [
        {
          type: 'step-succeeded',
          machine: name,
          generation,
          step: 'bootstrap',
          attempt,
          startedAt,
          made: result.isOld ? (resumed?.made ?? made) : made,
          outputs,
        },
      ];
    }
    const allowed = service.bootstrap?.attempts ?? service.attempts.bootstrap;
    const tries = machineOf(context.journal, name).tries.bootstrap ?? 1;
    const gaveUp = tries >= allowed || context.timeLeft(name)?.left === 0;
    const failed = { failure: result.failure, gaveUp, retryAt: null };
    return [
      { type: 'step-failed', machine: name, generation, step: 'bootstrap', attempt, startedAt, failed },
    ];
  }, cancel);
}

interface Work {
  readonly machine: Machine;
  readonly service: Service;
  readonly scope: Scope;
  readonly attempt: number;
  readonly startedAt: number;
  readonly made: Parts;
  readonly isResumed: boolean;
}

async function runScript(work: Work, context: PerformContext, cancel: Cancel): Promise<Result> {
  const { machine, service, scope, attempt } = work;
  const script = service.bootstrap;
  if (script === null) throw new Error(`Service "${service.name}" has no bootstrap. This is a bug in plan.`);
  const input = scriptInput(script, machine, service, scope, context);
  const files = filesOf(service, scope);
  await started(work, context);
  const nameOf = (n: number): string => `${machine.generation}-bootstrap-${n}`;
  const teardowns = machine.attempts.teardown ?? 0;
  const stopFirst = [
    ...(attempt > 1 ? [nameOf(attempt - 1)] : []),
    // Of a stop that was given up.
    ...(teardowns > 0 ? [`${machine.generation}-teardown-${teardowns}`] : []),
  ];
  const run = { ...input, name: nameOf(attempt), files, outputs: true, stopFirst };
  const supervised = {
    step: 'bootstrap',
    attempt,
    label: script.label,
    run,
    isResumed: work.isResumed,
    timeout: script.timeout,
    connectWithin: Infinity,
  } as const;
  const end = await supervise(supervised, machine, context, cancel);
  if (end.kind === 'failed') return end;

  const outputs = readOutputs(service, end.outputs ?? Buffer.alloc(0), end.isOld);
  if (outputs.kind === 'done') {
    const secrets = Object.values(outputs.outputs).flatMap((value) =>
      typeof value === 'string' ? [] : [value.sensitive],
    );
    if (secrets.length > 0) await end.log.scrub(context.maskFor(machine).with(secrets));
    for (const secret of secrets) warnIfShort(secret, machine, context);
    return outputs;
  }
  const logTail = await end.log.scrub(context.maskFor(machine));
  return { kind: 'failed', failure: { ...outputs.failure, logTail, logPath: end.logPath } };
}

async function putFiles(work: Work, context: PerformContext, cancel: Cancel): Promise<Result> {
  const { machine, service, scope } = work;
  const files = filesOf(service, scope);
  if (files.length === 0) return { kind: 'done', outputs: {}, isOld: false };
  await started(work, context);
  using limit = within(service.timeouts.bootstrap, context, cancel);
  const put = { base: baseOf(context, machine), user: service.user, files };
  try {
    await persist(targetOf(machine, context), context, limit, (connection) =>
      context.wiring.runner.put(connection, put, { signal: limit.signal }),
    );
    return { kind: 'done', outputs: {}, isOld: false };
  } catch (error) {
    if (!limit.expired()) throw error;
    const message = `The files were not in place within ${spellDuration(service.timeouts.bootstrap)}`;
    return { kind: 'failed', failure: failureOf('bootstrap', 'timeout', message) };
  }
}

/** The script must not run twice: that it starts is on disk before it does. */
async function started({ machine, attempt, made, isResumed }: Work, context: PerformContext): Promise<void> {
  if (isResumed) return;
  const { name, generation } = machine;
  await context.journal.commit([
    { type: 'step-started', machine: name, generation, step: 'bootstrap', attempt, made },
  ]);
}

function constantOutputs(service: Service, scope: Scope): Outputs {
  const entries = Object.entries(service.outputs).flatMap(([name, { value, sensitive }]) => {
    if (value === null) return [];
    const text = render(value, scope);
    return [[name, sensitive ? { sensitive: text } : text] as const];
  });
  return Object.fromEntries(entries);
}

/** Exactly the declared outputs, or a failure that names what is wrong. */
function readOutputs(service: Service, bytes: Buffer, isOld: boolean): Result {
  const fail = (message: string): Result => ({
    kind: 'failed',
    failure: failureOf('bootstrap', 'outputs', message),
  });
  const label = service.bootstrap?.label ?? '';
  const parsed = parseOutputs(bytes);
  if (!parsed.ok) return fail(`Bootstrap "${label}" reported outputs that cannot be read: ${parsed.problem}`);
  const promised = Object.entries(service.outputs).filter(([, { value }]) => value === null);
  const undeclared = [...parsed.values.keys()].filter(
    (name) => !promised.some(([promise]) => promise === name),
  );
  if (undeclared.length > 0)
    return fail(`Bootstrap "${label}" reported ${listed(undeclared)}, which the plan does not declare`);
  const missing = promised.map(([name]) => name).filter((name) => !parsed.values.has(name));
  if (missing.length > 0) return fail(`Bootstrap "${label}" did not report ${listed(missing)}`);
  const outputs = promised.map(([name, { sensitive }]) => {
    const value = parsed.values.get(name) ?? '';
    return [name, sensitive ? { sensitive: value } : value] as const;
  });
  return { kind: 'done', outputs: Object.fromEntries(outputs), isOld };
}

function listed(names: readonly string[]): string {
  return `output${names.length > 1 ? 's' : ''} ${names.map((name) => `"${name}"`).join(', ')}`;
}

function warnIfShort(secret: string, machine: Machine, context: PerformContext): void {
  if (secret.length >= 4) return;
  const message = `A sensitive output of "${machine.name}" has fewer than 4 characters and cannot be masked in logs`;
  context.tell({ type: 'warning', message });
}
