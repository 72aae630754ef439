import { displayPath } from '../api/display-path.ts';
import { startOperation } from '../api/operation.ts';
import type { Planned } from '../api/planned.ts';
import type { State } from '../api/state.ts';
import type { Context } from './context.ts';
import type { Background } from './detach.ts';
import { startInBackground } from './detach.ts';
import type { Task } from './perform-task.ts';
import { jsonOutputs } from './render/choose.ts';
import { writeJsonLine } from './render/json.ts';
import { commandLine } from './render/next-commands.ts';
import { upNext } from './up-task.ts';

/** Leaves an `up` to a process in the background; it is done when that has begun. */
export function detachedTask(context: Context, state: State, planned: Planned): Task {
  const { deployment } = planned.plan;
  let background: Background | undefined;
  return {
    kind: 'up',
    deployment,
    next: upNext(context, planned),
    idle: '',
    done: () => (background === undefined ? '' : startedWords(context, deployment, background)),
    start: (options) =>
      startOperation(async ({ signal }) => {
        background = await startInBackground(context, planned, { directory: state.directory, signal });
        const line = { type: 'detached', at: new Date().toISOString(), deployment, ...background };
        for (const output of jsonOutputs(context)) writeJsonLine(output, line);
        const now = await state.deployment(deployment);
        return { outcome: 'succeeded', state: await now.state(), worked: true };
      }, options),
  };
}

function startedWords(context: Context, deployment: string, { pid, log }: Background): string {
  return [
    `"${deployment}" comes up in the background (process ${pid}), which goes on without this terminal.`,
    `Next: ${commandLine(context, { command: 'attach', words: [], deployment })}  (follows it)`,
    `      ${commandLine(context, { command: 'cancel', words: [], deployment })}  (interrupts it)`,
    `Log:  ${displayPath(log, context.io.cwd)}`,
  ].join('\n');
}
