import type { StatusDocument } from '../../api/deployment-state.ts';
import { displayPath } from '../../api/display-path.ts';
import type { State } from '../../api/state.ts';
import { formatDuration } from '../../duration.ts';
import type { Command } from '../command-spec.ts';
import { print, printJson, tell } from '../context.ts';
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
}

export const listCommand: Command = (context) =>
  withState(context, async (state) => {
    const { io, flags } = context;
    const deployments = await listed(state, io.cwd);
    if (flags.json) printJson(context, { format: 1, deployments });
    else if (deployments.length === 0) tell(context, 'No deployment is recorded here.');
    else {
      const now = Date.now();
      const rows = deployments.map(({ name, state: found, ready, machines, createdAt, plan }) => [
        name,
        found,
        `${ready}/${machines}`,
        formatDuration(Math.max(0, now - Date.parse(createdAt))),
        plan ?? '-',
      ]);
      print(context, table([['NAME', 'STATE', 'READY', 'AGE', 'PLAN'], ...rows]).join('\n'));
    }
    return 0;
  });

async function listed(state: State, cwd: string): Promise<readonly Listed[]> {
  const statuses = new Map((await state.statuses()).map((status) => [status.deployment, status]));
  return (await state.deployments()).flatMap(({ name, createdAt }) => {
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
    };
  });
}
