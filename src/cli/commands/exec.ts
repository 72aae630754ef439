import { resolve } from 'node:path';
import type { MachineOutcome } from '../../api/fleet-work.ts';
import type { ExecEnd, FleetCommand } from '../../api/perform-exec.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { performFleet } from '../fleet-task.ts';
import { inputsOf } from '../given-inputs.ts';
import { givenName, withState } from '../open-here.ts';
import { paceOf } from '../pace.ts';
import { jsonOutputs } from '../render/choose.ts';
import { chooseExecView, SHOWN } from '../render/exec-view.ts';
import { fleetProgress } from '../render/fleet-progress.ts';
import type { PrintedOutput } from '../render/kept-output.ts';
import { keepOutput } from '../render/kept-output.ts';
import { selectorOf } from '../selection.ts';
import { signalNumber } from '../signal-number.ts';
import { watchUnread } from '../unread.ts';

export const execCommand: Command = (context) =>
  withState(context, async (state) => {
    const { io, args, options } = context;
    const command = commandOf(context);
    const pace = paceOf(context);
    const directory = options.text('output-dir');
    const isGrouped = options.flag('group');
    if (directory !== undefined && isGrouped)
      throw new UsageError('Cannot use --group with --output-dir: choose one of them');
    const deployment = await state.deployment(givenName(context, undefined));
    const progress = await fleetProgress<ExecEnd>(context, { doing: 'exec' });
    const view = chooseExecView(context, {
      progress,
      directory: directory === undefined ? null : resolve(io.cwd, directory),
      isGrouped,
    });
    const kept = jsonOutputs(context).length > 0 ? keepOutput(SHOWN) : undefined;
    using unread = watchUnread(io.stdout);
    return await performFleet<ExecEnd>(context, {
      kind: 'exec',
      deployment: deployment.name,
      progress,
      start: (given) =>
        deployment.exec(selectorOf(context, args), command, {
          ...given,
          ...pace,
          ...inputsOf(context),
          user: options.text('user'),
          keep: 0,
          stdin: options.flag('no-stdin') || io.stdin.isTTY === true ? undefined : io.stdin,
          onOutput(machine, stream, chunk) {
            kept?.add(machine, stream, chunk);
            return view.onOutput(machine, stream, chunk);
          },
        }),
      isFailure: ({ exitCode }) => exitCode !== 0,
      words: ({ exitSignal }) => (exitSignal === null ? '' : `ended by signal ${exitSignal}`),
      json: ({ exitCode, exitSignal }) => ({ exitCode, exitSignal }),
      printed: kept === undefined ? undefined : (machine) => printedWords(kept.take(machine)),
      codeOf,
      onEvent: view.onEvent,
      onEnd: view.onEnd,
      unread: unread.signal,
    });
  });

function printedWords({ stdout, stderr, isTruncated }: PrintedOutput): Readonly<Record<string, unknown>> {
  return { stdout: stdout.toString(), stderr: stderr.toString(), truncated: isTruncated };
}

function commandOf({ options, rest }: Context): FleetCommand {
  const script = options.text('script');
  if (script !== undefined) return { script, args: rest ?? [] };
  if (rest !== null && rest.length > 0) return rest;
  throw new UsageError(
    'Cannot run a command: there is none',
    'Write it after "--", as in "plan exec web -- uname -a", or name a file with --script.',
  );
}

/** As ssh and timeout(1) answer it: 128 and the number of a signal, 124 when out of time, 255 for no answer. */
function codeOf(outcome: MachineOutcome<ExecEnd>): number {
  switch (outcome.kind) {
    case 'ended':
      return outcome.value.exitCode ?? 128 + signalNumber(outcome.value.exitSignal);
    case 'timed-out':
      return 124;
    case 'interrupted':
      return 130;
    case 'failed':
    case 'unreachable':
    case 'skipped':
      return 255;
    default:
      return outcome satisfies never;
  }
}
