import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { tell } from '../context.ts';
import type { Down } from '../down-task.ts';
import { downOptions, downTask, prepareDown, prepareExpired } from '../down-task.ts';
import { departureDocument, departureText, stayingLines, victimText } from '../departures.ts';
import { withState } from '../open-here.ts';
import { operate } from '../operate.ts';
import { progressOf } from '../render/choose.ts';
import { writeJsonLine } from '../render/json.ts';
import { isSelecting } from '../selection.ts';
import type { State } from '../../api/state.ts';
import { version } from '../version.ts';

export const downCommand: Command = async (context) => {
  refuseContradictions(context);
  if (context.options.flag('dry-run')) return await withState(context, (state) => dryRun(context, state));
  return await operate(context, 'down', async (state, cancel) => {
    const downs = context.options.flag('expired')
      ? await prepareExpired(context, state, await overNames(context, state))
      : await prepareAll(context, state);
    await confirmAll(context, downs, cancel);
    return downs.map((down) => downTask(context, down));
  });
};

/** All of them, before the first one is touched. */
async function prepareAll(context: Context, state: State): Promise<readonly Down[]> {
  const downs: Down[] = [];
  for (const name of namesOf(context)) downs.push(await prepareDown(context, state, name));
  return downs;
}

function refuseContradictions(context: Context): void {
  const { args, flags, options } = context;
  const selects = isOnly(context);
  if (options.flag('expired') && (args.length > 0 || flags.deployment !== undefined))
    throw new UsageError(
      `Cannot use --expired for "${args[0] ?? flags.deployment ?? ''}": it means every deployment that is over`,
      'Leave --expired out to take down one whose time is not over, too.',
    );
  if (options.flag('expired') && selects)
    throw new UsageError('Cannot use --expired with --only: it means all machines of what is over');
  if (selects && new Set(args).size > 1)
    throw new UsageError(
      `Cannot use --only with several deployments: "${args.join('", "')}" are given`,
      'Name one of them.',
    );
  if (selects && options.flag('purge'))
    throw new UsageError('Cannot use --purge with --only: what is left of the deployment needs its record');
}

/** Only some machines are meant. */
function isOnly(context: Context): boolean {
  return isSelecting(context, context.options.list('only'));
}

/** Every name once; undefined stands for the only deployment. */
function namesOf({ args, flags }: Context): readonly (string | undefined)[] {
  if (args.length === 0) return [flags.deployment];
  if (flags.deployment !== undefined && !args.includes(flags.deployment))
    throw new UsageError(
      `Cannot choose a deployment: "${args.join('", "')}" and "${flags.deployment}" are both given`,
      'Name the deployments once.',
    );
  return [...new Set(args)];
}

/** Names of the deployments that are over. */
async function overNames(context: Context, state: State): Promise<readonly string[]> {
  const names = (await state.expired()).map(({ name }) => name);
  if (names.length === 0 && !['quiet', 'json'].includes(progressOf(context)))
    tell(context, 'No deployment is over: there is nothing to do.');
  return names;
}

async function dryRun(context: Context, state: State): Promise<number> {
  const { flags, io, options } = context;
  if (flags.json)
    writeJsonLine(io.stdout, { type: 'version', format: 1, version: version(), operation: 'down' });
  const names = options.flag('expired') ? await overNames(context, state) : namesOf(context);
  for (const name of names) {
    const deployment = await state.deployment(name);
    const found = await deployment.departures(downOptions(context));
    if (flags.json) writeJsonLine(io.stdout, departureDocument(deployment.name, found));
    else io.stdout.write(`${departureText(deployment.name, found, options.flag('force-protected'))}\n`);
  }
  if (flags.json)
    writeJsonLine(io.stdout, {
      type: 'result',
      outcome: 'succeeded',
      operation: 'down',
      dryRun: true,
      deployments: [],
    });
  return 0;
}

async function confirmAll(
  context: Context,
  downs: readonly Down[],
  cancel: { readonly signal: AbortSignal },
): Promise<void> {
  const there = downs.flatMap((down) => (down.kind === 'prepared' && down.count > 0 ? [down] : []));
  const count = there.reduce((sum, down) => sum + down.count, 0);
  const purged = context.options.flag('purge') ? downs.map(({ name }) => name) : [];
  if (count === 0 && purged.length === 0) return;
  const victims = [
    ...there.flatMap(({ name, prepared: { state }, departures }) => [
      `These machines of "${name}" would be terminated:`,
      ...victimText(state, departures),
      ...(isOnly(context) ? stayingLines(name, departures) : []),
    ]),
    ...purged.map((name) => `The record, history and logs of "${name}" would be removed.`),
  ];
  const terminate = count === 1 ? 'Terminate 1 machine' : `Terminate ${count} machines`;
  const question = count === 0 ? 'Purge?' : purged.length === 0 ? `${terminate}?` : `${terminate} and purge?`;
  await confirm(context, { victims: victims.join('\n'), question }, cancel);
}
