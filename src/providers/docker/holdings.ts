import { setTimeout as delay } from 'node:timers/promises';
import type { EngineThing } from '../../docker-answers.ts';
import type { DockerEngine } from '../../docker-engine.ts';
import { DockerError } from '../../docker-transport.ts';
import type { Queue } from '../../queue.ts';
import { ProviderError } from '../provider.ts';
import type { Cancel, Holding, PowerAnswer, Tags } from '../provider.ts';
import { BATCH_LABEL, labelFilter, tagsIn } from './names.ts';
import { isOver, observe } from './observe.ts';
import { power } from './power.ts';

/** In the order in which they can be removed. */
const BESIDE = ['network', 'volume', 'image'] as const;
type Beside = (typeof BESIDE)[number];

/** Milliseconds between two looks, and how often what is still in use is tried to be removed. */
const PAUSE = 100;
const TRIES = 20;

/** What carries these tags beside machines. */
async function besides(
  engine: DockerEngine,
  tags: Partial<Tags>,
  cancel: Cancel,
): Promise<readonly Holding[]> {
  const filter = labelFilter(tags);
  const found = await Promise.all([
    engine.networks(filter, cancel),
    engine.volumes(filter, cancel),
    engine.images(filter, cancel),
  ]);
  return BESIDE.flatMap((kind, i) => (found[i] ?? []).map((thing) => holdingOf(kind, thing)));
}

function holdingOf(kind: Beside, { id, name, labels, since }: EngineThing): Holding {
  return { kind, id, name, tags: tagsIn(labels), token: null, since };
}

export async function holdings(engine: DockerEngine, cancel: Cancel): Promise<readonly Holding[]> {
  const machines = (await engine.containers(labelFilter({}), cancel)).map(
    ({ id, name, labels, since }): Holding => ({
      kind: 'machine',
      id,
      name,
      tags: tagsIn(labels),
      token: labels[BATCH_LABEL] ?? null,
      since,
    }),
  );
  return [...machines, ...(await besides(engine, {}, cancel))];
}

/** Waits until the deployment's machines are gone, removes those that ended by themselves, and what is beside them. */
export async function release(
  engine: DockerEngine,
  { deployment, uuid }: Tags,
  cancel: Cancel,
): Promise<void> {
  const tags = { deployment, uuid };
  for (;;) {
    const containers = await engine.containers(labelFilter(tags), cancel);
    if (containers.length === 0) break;
    for (const container of containers.filter(isOver)) {
      const { state } = await observe(engine, container, cancel);
      if (state === 'terminated') await engine.removeContainer(container.id, cancel);
    }
    await delay(PAUSE, undefined, cancel);
  }
  for (const holding of await besides(engine, tags, cancel)) {
    const answer = await removeBeside(engine, holding, cancel);
    if (answer.kind !== 'accepted')
      throw new ProviderError(
        `Cannot remove the ${holding.kind} "${holding.name ?? holding.id}": ${answer.why}`,
      );
  }
}

export async function remove(
  engine: DockerEngine,
  queue: Queue,
  wanted: readonly Holding[],
  cancel: Cancel,
): Promise<ReadonlyMap<string, PowerAnswer>> {
  const answers = new Map<string, PowerAnswer>();
  const machines = wanted.filter(({ kind }) => kind === 'machine');
  await Promise.all(
    machines.map(({ id }) =>
      queue.run(async () => void answers.set(id, await power(engine, 'terminate', id, cancel)), cancel),
    ),
  );
  for (const { id } of machines)
    while ((await engine.container(id, cancel)) !== null && answers.get(id)?.kind === 'accepted')
      await delay(PAUSE, undefined, cancel);
  for (const kind of BESIDE)
    for (const holding of wanted.filter((each) => each.kind === kind))
      answers.set(holding.id, await removeBeside(engine, holding, cancel));
  return answers;
}

/** What a container of another's making uses cannot be removed. */
async function removeBeside(
  engine: DockerEngine,
  { kind, id }: Holding,
  cancel: Cancel,
): Promise<PowerAnswer> {
  for (let tries = 1; ; tries += 1) {
    try {
      if (kind === 'network') await engine.removeNetwork(id, cancel);
      else if (kind === 'volume') await engine.removeVolume(id, cancel);
      else await engine.removeImage(id, cancel);
      return { kind: 'accepted' };
    } catch (error) {
      if (!(error instanceof DockerError) || error.status === null) throw error;
      if (tries === TRIES) return { kind: 'cannot', why: error.message };
    }
    await delay(PAUSE, undefined, cancel);
  }
}
