import type { Deployment, Prepared } from '../api/deployment.ts';
import type { OperationResult } from '../api/operation.ts';
import type { DownForecast, DownOptions } from '../api/perform-down.ts';
import type { State } from '../api/state.ts';
import { PlanError, UsageError } from '../errors.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import { inputsOf } from './given-inputs.ts';
import type { Task } from './perform-task.ts';
import { countOf } from './render/happening.ts';
import { nextCommands, word } from './render/next-commands.ts';
import { isSelecting, selectorOf } from './selection.ts';
import { listed } from './victims.ts';

/** A deployment that is to be taken down, or some of its machines. */
export type Down =
  | {
      readonly kind: 'prepared';
      readonly name: string;
      readonly prepared: Prepared<OperationResult>;
      readonly departures: DownForecast;
      /** Machines that go. */
      readonly count: number;
    }
  /** It will say why when it is tried: others go all the same. */
  | { readonly kind: 'refused'; readonly name: string; readonly deployment: Deployment };

/** What the command line says of it. */
export function downOptions(context: Context): DownOptions {
  const { options } = context;
  const terms = options.list('only');
  return {
    ...inputsOf(context),
    skipTeardown: options.flag('skip-teardown'),
    purge: options.flag('purge'),
    forceProtected: options.flag('force-protected'),
    ifExpired: options.flag('expired'),
    ...(isSelecting(context, terms) ? { only: selectorOf(context, terms) } : {}),
  };
}

/** Reads what the `down` of a deployment needs. Rejects with `UsageError`. */
export async function prepareDown(context: Context, state: State, name: string | undefined): Promise<Down> {
  const deployment = await state.deployment(name);
  const options = downOptions(context);
  const prepared = await deployment.prepareDown(options);
  const departures = await deployment.departures(options);
  const count = departures.levels.reduce((sum, { machines }) => sum + machines.length, 0);
  return { kind: 'prepared', name: deployment.name, prepared, departures, count };
}

/** The same of deployments that are over: one that cannot be prepared keeps no other from going. */
export async function prepareExpired(
  context: Context,
  state: State,
  names: readonly string[],
): Promise<readonly Down[]> {
  const downs: Down[] = [];
  for (const name of names) {
    try {
      downs.push(await prepareDown(context, state, name));
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      downs.push({ kind: 'refused', name, deployment: await state.deployment(name) });
    }
  }
  return downs;
}

export function downTask(context: Context, down: Down): Task {
  const { name } = down;
  if (down.kind === 'refused') {
    const next = nextCommands(context, { deployment: name, plan: null, named: false });
    const start: Task['start'] = (options) => down.deployment.down({ ...downOptions(context), ...options });
    return { kind: 'down', deployment: name, next, ...wordsOf(context, name, null), start };
  }
  const { prepared, departures } = down;
  const { state, start } = prepared;
  const next = nextCommands(context, { deployment: name, plan: state.plan?.path ?? null, named: false });
  return {
    kind: 'down',
    deployment: name,
    next: { ...next, down: `${next.down}${selectionText(context)}` },
    ...wordsOf(context, name, departures),
    start,
  };
}

/** What is said at the end. */
function wordsOf(
  context: Context,
  name: string,
  departures: DownForecast | null,
): Pick<Task, 'idle' | 'done'> {
  const { options } = context;
  if (departures !== null && isSelecting(context, options.list('only'))) {
    const { levels, staying } = departures;
    const names = levels.flatMap(({ machines }) => machines.map(({ machine }) => machine));
    return {
      idle: `Nothing to do in "${name}": what is selected is terminated already.`,
      done: `${listed(names)} of "${name}": terminated; ${countOf(staying, 'machine')} ${staying === 1 ? 'stays' : 'stay'}.`,
    };
  }
  const purged = options.flag('purge') ? ' Its record, history and logs are removed.' : '';
  return {
    idle: options.flag('expired')
      ? `"${name}" is terminated already, or was given more time: there is nothing to do.`
      : `"${name}" is terminated already: there is nothing to do.${purged}`,
    done: `"${name}" is terminated.${purged}`,
  };
}

/** The flags that say which machines are meant, as they are typed. */
function selectionText({ options }: Context): string {
  return ['only', 'label', 'state', 'exclude']
    .flatMap((flag) => options.list(flag).map((value) => ` --${flag} ${word(value)}`))
    .join('');
}

/** Takes down what is recorded of a deployment after its `up` failed; null: nothing is, or it is protected. */
export async function downAfterFailure(context: Context, state: State, name: string): Promise<Task | null> {
  const isRecorded = (await state.deployments()).some((deployment) => deployment.name === name);
  if (!isRecorded) return null;
  try {
    return downTask(context, await prepareDown(context, state, name));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    tell(context, error.hint === undefined ? error.message : `${error.message}\n${error.hint}`);
    return null;
  }
}
