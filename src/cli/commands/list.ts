import type { StatusDocument } from '../../api/deployment-state.ts';
import { displayPath } from '../../api/display-path.ts';
import type { State } from '../../api/state.ts';
import { formatDuration } from '../../duration.ts';
import type { Command } from '../command-spec.ts';
import { print, printJson, tell } from '../context.ts';
import { countdown } from '../lifetime.ts';
import { withState } from '../open-here.ts';
import { table } from '../table.ts';

/** One deployment as `plan list --json` prints it. */
interface Listed {
  readonly name: string;
  readonly plan: string | null;
  readonly state: StatusDocument['state'];
  readonly machines: number;
  readonly ready: number;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  /** Who exported it to go on elsewhere; null: it is used here. */
  readonly movedBy: string | null;
}

export const listCommand: Command = (context) =>
  withState(context, async (state) => {
    const { io, flags } = context;
    const deployments = await listed(state, io.cwd);
    if (flags.json) printJson(context, { format: 1, deployments });
    else if (deployments.length === 0) tell(context, 'No deployment is recorded here.');
    else {
      const now = Date.now();
      const isEnding = deployments.some((one) => endOf(one, now) !== '-');
      const rows = deployments.map((one) => [
        one.name,
        one.movedBy === null ? one.state : `${one.state} (moved)`,
        `${one.ready}/${one.machines}`,
        formatDuration(Math.max(0, now - Date.parse(one.createdAt))),
        ...(isEnding ? [endOf(one, now)] : []),
        one.plan ?? '-',
      ]);
      const heads = ['NAME', 'STATE', 'READY', 'AGE', ...(isEnding ? ['END'] : []), 'PLAN'];
      print(context, table([heads, ...rows]).join('\n'));
    }
    return 0;
  });

/** When it is over, where that is to come or nobody took it down. */
function endOf({ state, expiresAt }: Listed, now: number): string {
  return expiresAt === null || state === 'terminated' ? '-' : countdown(Date.parse(expiresAt), now);
}

async function listed(state: State, cwd: string): Promise<readonly Listed[]> {
  const statuses = new Map((await state.statuses()).map((status) => [status.deployment, status]));
  return (await state.deployments()).flatMap(({ name, createdAt, movedBy }) => {
    const status = statuses.get(name);
    if (status === undefined) return [];
    const services = status.levels.flatMap((level) => level.services);
    return {
      name,
      plan: status.plan === null ? null : displayPath(status.plan, cwd),
      state: status.state,
      machines: services.reduce((sum, service) => sum + service.machines.length, 0),
      ready: services.reduce((sum, service) => sum + service.ready, 0),
      createdAt: new Date(createdAt).toISOString(),
      expiresAt: status.expiresAt,
      movedBy: movedBy ?? null,
    };
  });
}
