import { PlanError } from '../errors.ts';
import { COMMAND_GROUPS, COMMANDS } from './commands.ts';
import { GLOBAL_FLAGS, readGlobalFlags } from './global-flags.ts';
import { commandHelp, programHelp } from './help.ts';
import type { Io } from './io.ts';
import { parseArgv } from './parse.ts';

/** Runs one command line and answers its exit code. Never rejects. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    const invocation = parseArgv(argv, COMMANDS, GLOBAL_FLAGS);
    switch (invocation.kind) {
      case 'help':
        io.stdout.write(
          invocation.spec === null
            ? programHelp(COMMAND_GROUPS, GLOBAL_FLAGS)
            : commandHelp(invocation.spec, GLOBAL_FLAGS),
        );
        return 0;
      case 'version': {
        const { version } = await import('./version.ts');
        io.stdout.write(`${version()}\n`);
        return 0;
      }
      case 'command': {
        const { args, rest, options } = invocation;
        const flags = readGlobalFlags(invocation.globals, io.env);
        const command = await invocation.spec.load();
        return await command({ io, flags, args, rest, options, commands: COMMANDS, groups: COMMAND_GROUPS });
      }
      default:
        return invocation satisfies never;
    }
  } catch (error) {
    return report(error, io);
  }
}

function report(error: unknown, io: Io): number {
  if (error instanceof PlanError) {
    io.stderr.write(`${error.message}\n${error.hint === undefined ? '' : `${error.hint}\n`}`);
    return error.exitCode;
  }
  return reportBug(error, io);
}

/** Prints an error that nobody expects, and answers its exit code. */
export function reportBug(error: unknown, io: Pick<Io, 'stderr'>): number {
  const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  io.stderr.write(`${text}\nThis is a bug in plan.\n`);
  return 70;
}
