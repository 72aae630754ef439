import { setTimeout as delay } from 'node:timers/promises';
import type { DockerEngine } from '../../docker-engine.ts';
import { DockerError } from '../../docker-transport.ts';
import type { Queue } from '../../queue.ts';
import type { Cancel, LaunchAnswer, LaunchBatch } from '../provider.ts';
import { containerName, containerSpec, resolvedOf } from './container-spec.ts';
import type { BatchMachine, ResolvedImage } from './container-spec.ts';
import { BATCH_LABEL, GENERATION_LABEL, labelFilter, MACHINE_LABEL } from './names.ts';
import { isOver } from './observe.ts';
import { readOptions } from './options.ts';
import type { DockerOptions } from './options.ts';

/** Milliseconds after which a port that is taken may be free. */
const PORT_PAUSE = 5_000;
/** How often a name is asked for that is taken by a container which cannot be seen, and milliseconds between. */
const NAME_TRIES = 100;
const NAME_PAUSE = 50;
const TAKEN = /port is already allocated|address already in use/;

type Outcome =
  | { readonly kind: 'made'; readonly id: string }
  | { readonly kind: 'failed'; readonly message: string; readonly retryAfter: number | null };

/** Makes the containers of a batch that are not there, and starts those that were never started. */
export async function launch(
  engine: DockerEngine,
  queue: Queue,
  batch: LaunchBatch,
  cancel: Cancel,
): Promise<LaunchAnswer> {
  const read = readOptions(batch.request);
  if (read.kind === 'problem') return { kind: 'refused', message: read.message, retryAfter: null };
  const resolved = resolvedOf(batch.request);
  await removeDeadPredecessors(engine, batch, cancel);
  const ends = await Promise.allSettled(
    batch.machines.map((machine, index) =>
      queue.run(() => launchOne(engine, { batch, machine, index }, read.options, resolved, cancel), cancel),
    ),
  );
  const outcomes = ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
  const ids = outcomes.map((outcome) => (outcome.kind === 'made' ? outcome.id : null));
  const failure = outcomes.find((outcome) => outcome.kind === 'failed');
  if (failure === undefined) return { kind: 'launched', ids, whyFewer: null };
  const { message, retryAfter } = failure;
  const made = ids.filter((id) => id !== null);
  if (made.length >= batch.min) return { kind: 'launched', ids, whyFewer: message, again: { retryAfter } };
  await Promise.all(made.map((id) => queue.run(() => engine.removeContainer(id, cancel), cancel)));
  return { kind: 'refused', message, retryAfter };
}

async function launchOne(
  engine: DockerEngine,
  {
    batch,
    machine,
    index,
  }: { readonly batch: LaunchBatch; readonly machine: BatchMachine; readonly index: number },
  options: DockerOptions,
  resolved: ResolvedImage,
  cancel: Cancel,
): Promise<Outcome> {
  const name = containerName(batch.request, machine);
  let made;
  try {
    made = await makeOrFind(engine, name, containerSpec(batch, machine, index, options, resolved), cancel);
  } catch (error) {
    return failed(`Cannot make the container "${name}": ${refusalOf(error)}`);
  }
  if (made.token !== null && made.token !== batch.token)
    return failed(`Cannot make the container "${name}": there is another one of this name`);
  const { id } = made;
  if (made.state !== 'created') return { kind: 'made', id };
  try {
    if (options.network !== null) await connect(engine, options.network, id, cancel);
    await engine.start(id, cancel);
    return { kind: 'made', id };
  } catch (error) {
    const why = refusalOf(error);
    await engine.removeContainer(id, cancel);
    return failed(`Cannot start the container "${name}": ${why}`, TAKEN.test(why) ? PORT_PAUSE : null);
  }
}

interface Made {
  readonly id: string;
  readonly state: string;
  /** Of the batch that made it; null: it was made now. */
  readonly token: string | null;
}

/** A name is taken a moment before its container can be seen, and a moment longer. */
async function makeOrFind(engine: DockerEngine, name: string, spec: object, cancel: Cancel): Promise<Made> {
  for (let tries = 1; ; tries += 1) {
    try {
      return { id: await engine.create(name, spec, cancel), state: 'created', token: null };
    } catch (error) {
      if (!isConflict(error)) throw error;
      const there = await engine.container(name, cancel);
      if (there !== null) return { id: there.id, state: there.state, token: there.labels[BATCH_LABEL] ?? '' };
      if (tries === NAME_TRIES) throw error;
    }
    await delay(NAME_PAUSE, undefined, cancel);
  }
}

/** Succeeds where the container is in the network already. */
async function connect(engine: DockerEngine, network: string, id: string, cancel: Cancel): Promise<void> {
  try {
    await engine.connect(network, id, cancel);
  } catch (error) {
    if (!(error instanceof DockerError && /already exists/.test(error.message))) throw error;
  }
}

/** A container whose command ended holds its ports' reservation and its name's log until a successor comes. */
async function removeDeadPredecessors(
  engine: DockerEngine,
  { machines, request }: LaunchBatch,
  cancel: Cancel,
): Promise<void> {
  const generations = new Map(machines.map(({ name, generation }) => [name, generation]));
  if ([...generations.values()].every((generation) => generation <= 1)) return;
  const { deployment, uuid } = request.tags;
  for (const container of await engine.containers(labelFilter({ deployment, uuid }), cancel)) {
    const successor = generations.get(container.labels[MACHINE_LABEL] ?? '') ?? 0;
    if (isOver(container) && Number(container.labels[GENERATION_LABEL]) < successor)
      await engine.removeContainer(container.id, cancel);
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof DockerError && error.status === 409;
}

/** What the engine said; rethrows what it did not say. */
function refusalOf(error: unknown): string {
  if (error instanceof DockerError && error.status !== null) return error.message;
  throw error;
}

function failed(message: string, retryAfter: number | null = null): Outcome {
  return { kind: 'failed', message, retryAfter };
}
