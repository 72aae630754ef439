import type { Cancel, ProviderProblem } from '../provider.ts';
import type { Ec2Image } from './api.ts';
import { ifTold } from './if-told.ts';
import type { Resolver } from './resolve.ts';
import type { Wanted } from './wanted.ts';

/** The services' images. */
export async function checkImages(
  findImage: Resolver['image'],
  wanted: readonly Wanted[],
  cancel: Cancel,
): Promise<{
  readonly problems: readonly ProviderProblem[];
  readonly images: ReadonlyMap<string, Ec2Image>;
}> {
  const problems: ProviderProblem[] = [];
  const images = new Map<string, Ec2Image>();
  for (const { service, options } of wanted) {
    const found = await ifTold(() => findImage(options.image, cancel));
    if (found?.kind === 'problem') problems.push({ service, message: found.message, hint: found.hint });
    if (found?.kind === 'image') images.set(service, found.image);
  }
  return { problems, images };
}
