import type { Deployment } from '../../api/deployment.ts';
import { OperationError, UsageError } from '../../errors.ts';
import { attachStreams, terminalSize } from '../attach-terminal.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { print, tell } from '../context.ts';
import { inputsOf } from '../given-inputs.ts';
import { givenName, withState } from '../open-here.ts';
import { signalNumber } from '../signal-number.ts';
import { isAbort, untilStopped } from '../stopping.ts';
import { hasSystemSsh, runInPlace } from '../system-ssh.ts';
import { UNREAD, watchUnread } from '../unread.ts';

/** As `ssh` says that it could not connect, or was cut off. */
const CONNECTION_FAILED = 255;

/** Exits as the command on the machine does. */
export const sshCommand: Command = (context) =>
  withState(context, async (state) => {
    const { io, options } = context;
    const given = givenOf(context);
    const deployment = await state.deployment(givenName(context, undefined));
    try {
      const isPrinted = options.flag('print');
      const way = await deployment.sshCommand(given.machine, {
        ...inputsOf(context),
        command: given.command,
        user: given.user,
        terminal: terminalFlag(context, isPrinted),
        wake: !isPrinted,
      });
      if (isPrinted) {
        if (way.kind === 'none')
          throw new UsageError(`Cannot print an ssh command for "${given.machine}": ${way.why}`);
        print(context, way.line);
        return 0;
      }
      // OpenSSH's client would log in again.
      const isKept = context.flags.keepConnections > 0 && given.command !== undefined;
      const isOwn = options.flag('own-connection') || isKept;
      const isForSsh = way.kind === 'ssh' && !way.asksPassword && !isOwn;
      if (isForSsh && hasSystemSsh(io)) return await runInPlace(way.words, io);
      return await overOwnConnection(context, deployment, given);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      tell(context, error.hint === undefined ? error.message : `${error.message}\n${error.hint}`);
      return CONNECTION_FAILED;
    }
  });

interface Given {
  readonly machine: string;
  /** Undefined: the login shell. */
  readonly command: readonly string[] | undefined;
  readonly user: string | undefined;
}

function givenOf({ args, rest, options }: Context): Given {
  const command = rest === null || rest.length === 0 ? undefined : rest;
  return { machine: args[0] ?? '', command, user: options.text('user') };
}

/**
 * Whether it runs in a terminal; undefined: `ssh` decides. For a shell the input says so, for a command the output too,
 * which would not be as it was.
 */
function terminalFlag({ io, rest, options }: Context, isPrinted: boolean): boolean | undefined {
  if (options.flag('terminal')) return true;
  if (options.flag('no-terminal')) return false;
  if (rest !== null && rest.length > 0)
    return isPrinted ? undefined : isTerminal(io.stdin) && isTerminal(io.stdout);
  if (!isPrinted && !isTerminal(io.stdin)) return false;
  // To become another user is a command, for which `ssh` gives none.
  return options.text('user') === undefined ? undefined : true;
}

function isTerminal(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true;
}

async function overOwnConnection(context: Context, deployment: Deployment, given: Given): Promise<number> {
  const { io } = context;
  const hasTerminal = terminalFlag(context, false) ?? isTerminal(io.stdin);
  return await untilStopped(io, async (signal) => {
    const left = new AbortController();
    using unread = watchUnread(io.stdout);
    const { command, user } = given;
    await using shell = await deployment.shell(given.machine, {
      ...inputsOf(context),
      command,
      user,
      ...(hasTerminal && { terminal: { ...terminalSize(io), term: io.env['TERM'] } }),
      signal: AbortSignal.any([signal, left.signal, unread.signal]),
    });
    const leave = (): void => left.abort(new OperationError(`Left "${given.machine}".`));
    try {
      const { exitCode, exitSignal } = await attachStreams(io, shell, { isTerminal: hasTerminal, leave });
      return exitCode ?? 128 + signalNumber(exitSignal);
    } catch (error) {
      if (isAbort(error, unread.signal)) return UNREAD;
      throw error;
    }
  });
}
