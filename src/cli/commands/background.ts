import { once } from 'node:events';
import { PlanError, UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import type { Answer, Handed } from '../detached.ts';
import { givenAgain, handedOver } from '../detached.ts';
import { operate } from '../operate.ts';
import type { Task } from '../perform-task.ts';
import { readPlanned } from '../read-planned.ts';
import { upTask } from '../up-task.ts';

/** Milliseconds after its start from which on an operation counts as begun, although nothing came of it yet. */
const PATIENCE = 10_000;

/** Does what `up --detach` leaves to it, and tells whoever started it when it has begun. */
export const backgroundCommand: Command = async (own) => {
  const line = openLine();
  const handed = handedOver(process.connected ? ((await once(process, 'message')) as unknown[])[0] : null);
  const context = contextOf(own, handed);
  try {
    return await operate(context, 'up', async (state) => {
      const planned = await readPlanned(context, state);
      if (planned.plan.digest !== handed.digest)
        throw new UsageError('Cannot go on in the background: the plan has changed since it was read');
      return [reported(upTask(context, state, planned, line.note), line)];
    });
  } catch (error) {
    line.failed(error);
    throw error;
  } finally {
    line.close();
  }
};

/** What was typed, as if it had been typed here. */
function contextOf(own: Context, { env, cwd, flags, args, options }: Handed): Context {
  for (const [name, value] of Object.entries(env)) process.env[name] = value;
  return { ...own, io: { ...own.io, env, cwd }, flags, args, options: givenAgain(options) };
}

function reported(task: Task, line: Line): Task {
  return {
    ...task,
    start(options) {
      const operation = task.start(options);
      operation.then(line.begun, line.failed);
      return operation;
    },
  };
}

/** The channel to the process in the foreground. */
interface Line {
  note: Parameters<typeof upTask>[3] & {};
  begun(): void;
  failed(error: unknown): void;
  /** Without it the process would not end. */
  close(): void;
}

/** When the foreground ends before this has begun, this ends too; afterwards it lives on, also without a terminal. */
function openLine(): Line {
  let alarm: NodeJS.Timeout | undefined;
  let hasBegun = false;
  let hasStarted = false;
  const onDisconnect = (): void => {
    if (!hasBegun) process.kill(process.pid, 'SIGTERM');
  };
  process.once('disconnect', onDisconnect);
  process.on('SIGHUP', () => undefined);

  function close(): void {
    hasBegun = true;
    clearTimeout(alarm);
    if (process.connected) process.disconnect();
  }

  function say(answer: Answer): void {
    hasBegun = true;
    clearTimeout(alarm);
    if (process.connected) process.send?.(answer, close);
  }

  function begun(): void {
    if (!hasBegun) say({ kind: 'begun' });
  }

  return {
    begun,
    close,
    note(event) {
      if (hasBegun || event.type !== 'fact') return;
      // What a provider refuses before anything is launched is told by the error with which the operation rejects.
      if (event.fact.type === 'operation-started') {
        hasStarted = true;
        alarm = setTimeout(begun, PATIENCE);
      } else if (hasStarted && event.fact.type !== 'operation-ended') begun();
    },
    failed(error) {
      if (hasBegun || !(error instanceof PlanError)) return;
      const { message, hint, exitCode } = error;
      say({ kind: 'failed', message, hint, exitCode });
    },
  };
}
