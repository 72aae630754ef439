import type { DockerEngine } from '../../docker-engine.ts';
import { DockerError } from '../../docker-transport.ts';
import type { Cancel, LabelChange, PowerAnswer } from '../provider.ts';
import { NO_SUCH_MACHINE } from '../provider.ts';
import { isOver, STOPPED_POLICY } from './observe.ts';

export type Power = 'terminate' | 'stop' | 'start' | 'reboot';

/** Seconds that a container's command has for its end. */
const GRACE = 10;
const NO_POLICY = 'no';

const ACCEPTED: PowerAnswer = { kind: 'accepted' };
const ENDED: PowerAnswer = { kind: 'cannot', why: "the container's command has ended by itself" };

/** Answers as the port does; what the engine refuses is an answer. */
export async function power(
  engine: DockerEngine,
  verb: Power,
  id: string,
  cancel: Cancel,
): Promise<PowerAnswer> {
  try {
    return await perform(engine, verb, id, cancel);
  } catch (error) {
    if (!(error instanceof DockerError) || error.status === null) throw error;
    if (error.status === 404) return verb === 'terminate' ? ACCEPTED : NO_SUCH_MACHINE;
    if (error.status !== 409) return { kind: 'cannot', why: error.message };
    return verb === 'terminate' ? ACCEPTED : { kind: 'not-yet', why: error.message };
  }
}

async function perform(engine: DockerEngine, verb: Power, id: string, cancel: Cancel): Promise<PowerAnswer> {
  if (verb === 'terminate') {
    await engine.removeContainer(id, cancel);
    return ACCEPTED;
  }
  const container = await engine.container(id, cancel);
  if (container === null) return NO_SUCH_MACHINE;
  const { state, restartPolicy } = container;
  const isStopped = isOver(container) && restartPolicy === STOPPED_POLICY;
  if (isOver(container) && !isStopped) return ENDED;
  switch (verb) {
    case 'stop':
      if (isStopped) return ACCEPTED;
      if (state === 'paused') await engine.unpause(id, cancel);
      await engine.setRestartPolicy(id, STOPPED_POLICY, cancel);
      await engine.stop(id, GRACE, cancel);
      return ACCEPTED;
    case 'start':
      if (state === 'paused') await engine.unpause(id, cancel);
      else await engine.start(id, cancel);
      if (restartPolicy === STOPPED_POLICY) await engine.setRestartPolicy(id, NO_POLICY, cancel);
      return ACCEPTED;
    case 'reboot':
      if (isStopped) return { kind: 'cannot', why: 'it is stopped' };
      await engine.restart(id, GRACE, cancel);
      return ACCEPTED;
  }
}

/** A container has the labels that it was made with. */
export async function label(
  engine: DockerEngine,
  id: string,
  change: LabelChange,
  cancel: Cancel,
): Promise<PowerAnswer> {
  const container = await engine.container(id, cancel);
  if (container === null) return NO_SUCH_MACHINE;
  const { labels } = container;
  const isSo =
    Object.entries(change.set).every(([key, value]) => labels[key] === value) &&
    change.remove.every((key) => labels[key] === undefined);
  if (isSo) return ACCEPTED;
  return { kind: 'cannot', why: "a container's labels cannot be changed: it has them from its making" };
}
