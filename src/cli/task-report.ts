import { join } from 'node:path';
import { displayPath } from '../api/display-path.ts';
import type { PlanError } from '../errors.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import type { Performed, Task } from './perform-task.ts';
import { progressOf } from './render/choose.ts';
import { failureReport, interruptedReport } from './render/failure-report.ts';
import { readyReport } from './render/ready-report.ts';
import { styleOf } from './render/style.ts';

/** What is told of a task that is over. */
export type Reported = Omit<Performed, 'task' | 'abandoned'> & {
  readonly task: Pick<Task, 'kind' | 'next' | 'idle' | 'done'>;
};

/** Tells people how a task ended: failures always, success unless they want quiet. `directory`: that of the state. */
export function reportTask(
  context: Context,
  performed: Reported,
  { directory, now }: { readonly directory: string; readonly now: number },
): void {
  const { io, flags } = context;
  const { task, outcome, worked, state, timeline, error, account } = performed;
  if (error !== null) {
    tell(context, errorText(error));
    return;
  }
  const { kind } = task;
  const progress = progressOf(context);
  if (progress === 'json') return;
  const options = {
    style: styleOf(io.stderr, io.env, flags),
    next: task.next,
    logPath: (path: string) => displayPath(join(directory, path), io.cwd),
  };
  const lines = textOf();
  if (lines.length > 0) tell(context, lines.join('\n'));

  function textOf(): readonly string[] {
    if (account !== undefined)
      return outcome === 'succeeded' && progress === 'quiet' ? [] : account.lines(options);
    if (outcome === 'interrupted' || state === null) return interruptedReport(kind, state, options);
    if (outcome === 'failed') return failureReport(kind, state, options);
    if (progress === 'quiet') return [];
    if (!worked) return [task.idle];
    if (task.done === null) return readyReport(state, timeline, now, options);
    return [typeof task.done === 'string' ? task.done : task.done(state)];
  }
}

/** An error and, on a line of its own, what to do. */
function errorText({ message, hint }: PlanError): string {
  return hint === undefined ? message : `${message}\n${hint}`;
}
