import type { Extension } from '../../api/perform-extend.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { inputsOf } from '../given-inputs.ts';
import { countdown, lifetimeOf } from '../lifetime.ts';
import { givenName } from '../open-here.ts';
import { operate } from '../operate.ts';
import { nextCommands } from '../render/next-commands.ts';

export const extendCommand: Command = (context) =>
  operate(context, 'extend', async (state) => {
    const extension = extensionOf(context);
    const deployment = await state.deployment(givenName(context, context.args[0]));
    const { name } = deployment;
    const { plan } = await deployment.state();
    return [
      {
        kind: 'extend',
        deployment: name,
        next: nextCommands(context, { deployment: name, plan: plan?.path ?? null, named: false }),
        idle: `"${name}" is as it was.`,
        done: ({ expiresAt }) =>
          expiresAt === null
            ? `"${name}" has no end.`
            : `"${name}" ${countdown(expiresAt, Date.now())}, at ${new Date(expiresAt).toISOString()}.`,
        start: (options) => deployment.extend(extension, { ...inputsOf(context), ...options }),
      },
    ];
  });

/** Throws `UsageError` unless there is exactly one. */
function extensionOf(context: Context): Extension {
  const { options } = context;
  const given = ['by', 'to'].filter((flag) => options.text(flag) !== undefined);
  if (options.flag('never')) given.push('never');
  if (given.length !== 1)
    throw new UsageError(
      given.length === 0
        ? 'Cannot set the end: none is given'
        : `Cannot set the end: --${given.join(' and --')} are given`,
      'Give one of --by 2h (after the end that it has), --to 8h (from now) and --never.',
    );
  const kind = given[0] === 'by' ? 'by' : 'to';
  const milliseconds = options.flag('never') ? null : lifetimeOf(context, kind);
  return milliseconds == null ? { kind: 'never' } : { kind, milliseconds };
}
