import { formatDuration } from '../../duration.ts';
import type { StatusDocument } from '../../state/status.ts';
import { statusDocument } from '../../state/status.ts';
import type { Store } from '../../state/store.ts';
import type { Command } from '../command-spec.ts';
import { print, printJson, tell } from '../context.ts';
import { listDeployments, statusPaths, withStore } from '../deployments.ts';
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
  withStore(context, async (store, stateDirectory) => {
    const { io, flags } = context;
    const deployments = await listed(store, stateDirectory, io.cwd);
    if (flags.json) printJson(context, { format: 1, deployments });
    else if (deployments.length === 0) tell(context, 'No deployment is recorded here.');
    else {
      const now = Date.now();
      const rows = deployments.map(({ name, state, ready, machines, createdAt, plan }) => [
        name,
        state,
        `${ready}/${machines}`,
        formatDuration(Math.max(0, now - Date.parse(createdAt))),
        plan ?? '-',
      ]);
      print(context, table([['NAME', 'STATE', 'READY', 'AGE', 'PLAN'], ...rows]).join('\n'));
    }
    return 0;
  });

async function listed(store: Store, stateDirectory: string, cwd: string): Promise<readonly Listed[]> {
  const found: Listed[] = [];
  for (const { name, createdAt } of await listDeployments(store)) {
    const state = await store.load(name);
    if (state === null) continue;
    const document = statusDocument(state, statusPaths(stateDirectory, cwd));
    const services = document.levels.flatMap((level) => level.services);
    found.push({
      name,
      plan: document.plan,
      state: document.state,
      machines: services.reduce((sum, service) => sum + service.machines.length, 0),
      ready: services.reduce((sum, service) => sum + service.ready, 0),
      createdAt: new Date(createdAt).toISOString(),
    });
  }
  return found;
}
