import type { ContainerSummary } from '../../docker-answers.ts';
import type { DockerEngine } from '../../docker-engine.ts';
import type { Cancel, InstanceState, Observation } from '../provider.ts';
import { BATCH_LABEL, INDEX_LABEL, MACHINE_LABEL, madeName, tagsIn } from './names.ts';

/**
 * The restart policy of a container that was stopped on purpose: such a one stays stopped, and it is told from one whose
 * command ended by itself.
 */
export const STOPPED_POLICY = 'unless-stopped';

/** Lines of a dead container's log that are told. */
const LOG_LINES = 5;

const STATES: Readonly<Record<string, InstanceState>> = {
  created: 'pending',
  configured: 'pending',
  initialized: 'pending',
  running: 'running',
  restarting: 'pending',
  paused: 'stopped',
  stopping: 'stopping',
  removing: 'terminating',
};

/** States in which a container's command is over. */
const OVER = new Set(['exited', 'stopped', 'dead']);

export function isOver({ state }: Pick<ContainerSummary, 'state'>): boolean {
  return OVER.has(state);
}

/** What is told of a container. Asks more of the engine when its command is over. */
export async function observe(
  engine: DockerEngine,
  container: ContainerSummary,
  cancel: Cancel,
): Promise<Observation> {
  const { id, labels, state } = container;
  const common = { id, batch: batchOf(labels), reason: null, addresses: null, access: null };
  if (isOver(container)) return { ...common, ...(await endOf(engine, id, cancel)) };
  const known = STATES[state] ?? 'unknown';
  const ip = container.addresses[madeName(tagsIn(labels))] ?? '';
  if (known !== 'running' || ip === '') return { ...common, state: known === 'running' ? 'pending' : known };
  return {
    ...common,
    state: known,
    addresses: {
      hostname: labels[MACHINE_LABEL] ?? container.name,
      address: ip,
      privateIp: ip,
      publicIp: null,
    },
    access: { kind: 'docker', container: id, engine: engine.address, user: null, address: ip },
  };
}

/** `reason`: how its command ended, and what it said last. */
async function endOf(
  engine: DockerEngine,
  id: string,
  cancel: Cancel,
): Promise<Pick<Observation, 'state' | 'reason'>> {
  const facts = await engine.container(id, cancel);
  if (facts === null) return { state: 'unknown', reason: null };
  if (facts.restartPolicy === STOPPED_POLICY) return { state: 'stopped', reason: null };
  const lines = await engine.lastLines(id, LOG_LINES, cancel);
  const why = facts.isOutOfMemory ? ': it ran out of memory' : facts.error === '' ? '' : `: ${facts.error}`;
  const said = lines.length === 0 ? 'It printed nothing.' : `It printed last:\n${lines.join('\n')}`;
  return {
    state: 'terminated',
    reason: `the container's command ended with exit code ${facts.exitCode}${why}\n${said}`,
  };
}

function batchOf(labels: Readonly<Record<string, string>>): Observation['batch'] {
  const token = labels[BATCH_LABEL];
  return token === undefined ? null : { token, index: Number(labels[INDEX_LABEL] ?? 0) };
}
