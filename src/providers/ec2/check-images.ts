import type { Cancel, ProviderProblem } from '../provider.ts';
import type { Ec2Api, Ec2Image } from './api.ts';
import { ifTold } from './if-told.ts';
import type { FoundImage } from './image.ts';
import { resolveImage } from './image.ts';
import type { Wanted } from './wanted.ts';

/** The services' images; one that several services name is asked for once. */
export async function checkImages(
  api: Ec2Api,
  wanted: readonly Wanted[],
  cancel: Cancel,
): Promise<{
  readonly problems: readonly ProviderProblem[];
  readonly images: ReadonlyMap<string, Ec2Image>;
}> {
  const known = new Map<string, FoundImage | null>();
  const problems: ProviderProblem[] = [];
  const images = new Map<string, Ec2Image>();
  for (const { service, options } of wanted) {
    const key = JSON.stringify(options.image);
    const found = known.get(key) ?? (await ifTold(() => resolveImage(options.image, api, cancel)));
    known.set(key, found);
    if (found?.kind === 'problem') problems.push({ service, message: found.message, hint: found.hint });
    if (found?.kind === 'image') images.set(service, found.image);
  }
  return { problems, images };
}
