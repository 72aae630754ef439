import type { DockerEngine } from '../../docker-engine.ts';
import { DockerError } from '../../docker-transport.ts';
import { createQueue } from '../../queue.ts';
import type { Queue } from '../../queue.ts';
import type { Cancel, LaunchRefusal, Tags } from '../provider.ts';
import { readBuildContext } from './build-context.ts';
import type { ResolvedImage } from './container-spec.ts';
import { labelsOf, madeName } from './names.ts';
import type { DockerOptions, ImageSource } from './options.ts';
import { registryAuth } from './registry-auth.ts';

/** Milliseconds after which a registry that could not be asked may be asked again. */
const PULL_PAUSE = 10_000;
/** A registry's words for what is not there, or not for this user. */
const FINAL = /not found|manifest unknown|denied|unauthorized|no such|invalid|authentication required/i;

export type FoundImage = { readonly kind: 'image'; readonly image: ResolvedImage } | LaunchRefusal;

/** Gets images: looks them up, fetches or builds them; each at most once at a time. */
export interface Images {
  get(options: Pick<DockerOptions, 'image' | 'pull'>, tags: Tags, cancel: Cancel): Promise<FoundImage>;
}

export function createImages(engine: DockerEngine): Images {
  const queues = new Map<string, Queue>();
  const fetched = new Set<string>();

  async function fetch(reference: string, pull: DockerOptions['pull'], cancel: Cancel): Promise<FoundImage> {
    const there = await engine.image(reference, cancel);
    if (there !== null && (pull !== 'always' || fetched.has(reference))) return found(there);
    if (pull === 'never') return refused(`Cannot use the image "${reference}": the engine does not have it`);
    try {
      await engine.pull(reference, await registryAuth(reference), cancel);
    } catch (error) {
      if (!(error instanceof DockerError) || error.status === null) throw error;
      const pause = error.status === 404 || FINAL.test(error.message) ? null : PULL_PAUSE;
      return refused(`Cannot pull the image "${reference}": ${error.message}`, pause);
    }
    fetched.add(reference);
    const got = await engine.image(reference, cancel);
    return got === null ? refused(`Cannot find the image "${reference}" after it was pulled`) : found(got);
  }

  async function build(directory: string, tags: Tags, cancel: Cancel): Promise<FoundImage> {
    let context;
    try {
      context = await readBuildContext(directory);
    } catch (error) {
      return refused(`Cannot build an image from "${directory}": ${messageOf(error)}`);
    }
    const tag = `${madeName(tags).toLowerCase()}:${context.digest.slice(0, 12)}`;
    const there = await engine.image(tag, cancel);
    if (there !== null) return found(there);
    try {
      await engine.build(context, { tag, labels: labelsOf(tags), signal: cancel.signal });
    } catch (error) {
      if (!(error instanceof DockerError) || error.status === null) throw error;
      return refused(`Cannot build an image from "${directory}": ${error.message}`);
    }
    const built = await engine.image(tag, cancel);
    return built === null ? refused(`Cannot find the image "${tag}" after it was built`) : found(built);
  }

  return {
    get({ image, pull }, tags, cancel) {
      const key = keyOf(image);
      const queue = queues.get(key) ?? createQueue(1);
      queues.set(key, queue);
      return queue.run(
        () =>
          image.kind === 'reference'
            ? fetch(image.reference, pull, cancel)
            : build(image.directory, tags, cancel),
        cancel,
      );
    },
  };
}

function keyOf(image: ImageSource): string {
  return JSON.stringify(image);
}

function found({ id, runs }: { readonly id: string; readonly runs: boolean }): FoundImage {
  return { kind: 'image', image: { image: id, runs } };
}

function refused(message: string, retryAfter: number | null = null): LaunchRefusal {
  return { kind: 'refused', message, retryAfter };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
