import type { OperationEvent } from '../api/operation.ts';
import type { DeploymentState } from '../api/deployment-state.ts';
import type { Planned } from '../api/planned.ts';
import type { State } from '../api/state.ts';
import type { Context } from './context.ts';
import { downAfterFailure } from './down-task.ts';
import { lifetimeOf } from './lifetime.ts';
import type { Task } from './perform-task.ts';
import { countOf } from './render/happening.ts';
import type { NextCommands } from './render/next-commands.ts';
import { nextCommands } from './render/next-commands.ts';

/** Brings a deployment to what a plan says. `onEvent` is told what happens before anybody else. */
export function upTask(
  context: Context,
  state: State,
  planned: Planned,
  onEvent: (event: OperationEvent) => void = () => undefined,
): Task {
  const { plan } = planned;
  const { options: flags } = context;
  const wait = !flags.flag('no-wait');
  const ttl = lifetimeOf(context, 'ttl');
  const next = upNext(context, planned);
  return {
    kind: 'up',
    deployment: plan.deployment,
    next,
    idle: wait
      ? `"${plan.deployment}" is ready: there is nothing to do.`
      : `"${plan.deployment}" lacks no machines now. "${next.up}" goes on with what else there is to do.`,
    done: wait ? null : (now) => askedFor(now, next),
    start: (options) =>
      state.up(planned, {
        ...options,
        ttl,
        wait,
        onEvent(event, now) {
          onEvent(event);
          options.onEvent?.(event, now);
        },
      }),
    ...(flags.text('on-failure') === 'down'
      ? { recover: () => downAfterFailure(context, state, plan.deployment) }
      : {}),
  };
}

/** Command lines that can be run after an `up`. */
export function upNext(context: Context, { plan }: Planned): NextCommands {
  const named = plan.deployment !== plan.name;
  return nextCommands(context, { deployment: plan.deployment, plan: plan.path, named });
}

function askedFor({ name, machines }: DeploymentState, next: NextCommands): string {
  const given = [...machines.values()].filter(
    ({ wanted, id, stage }) => wanted && id !== null && stage !== 'ready' && stage !== 'gone',
  );
  return [
    `"${name}" was given ${countOf(given.length, 'machine')}, which nothing works on for now.`,
    `Next: ${next.up}  (goes on from there)`,
    `      ${next.status}`,
  ].join('\n');
}
