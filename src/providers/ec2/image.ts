import type { Cancel } from '../provider.ts';
import type { Ec2Api, Ec2Image, ImageQuery } from './api.ts';
import { Ec2Error } from './api.ts';
import type { ImageSpec } from './image-spec.ts';
import type { OptionProblem } from './problem.ts';
import { problem } from './problem.ts';

export type FoundImage = { readonly kind: 'image'; readonly image: Ec2Image } | OptionProblem;
type ImageApi = Pick<Ec2Api, 'region' | 'describeImages' | 'parameter'>;

const AVAILABLE = 'available';

/** The image that a plan names, as it is now. Rejects as the API does, but for an image that does not exist. */
export async function resolveImage(spec: ImageSpec, api: ImageApi, cancel: Cancel): Promise<FoundImage> {
  switch (spec.kind) {
    case 'id':
      return byId(spec.id, `image "${spec.id}"`, api, cancel);
    case 'parameter': {
      const value = await api.parameter(spec.name, cancel);
      const what = `image "ssm:${spec.name}"`;
      if (value === null) return missing(what, api, 'there is no such SSM parameter');
      const id = value.trim();
      if (!/^ami-\w+$/.test(id))
        return missing(what, api, `the parameter is no image id but "${shortened(id)}"`);
      return byId(id, `${what} (${id})`, api, cancel);
    }
    case 'newest': {
      const { owner, name } = spec;
      const images = await imagesOf({ kind: 'newest', owner, name }, api, cancel);
      const [newest] = images.filter(({ state }) => state === AVAILABLE).toSorted(newerFirst);
      if (newest !== undefined) return { kind: 'image', image: newest };
      return missing(`the newest image "${name}" of owner "${owner}"`, api, 'there is none');
    }
  }
}

async function byId(id: string, what: string, api: ImageApi, cancel: Cancel): Promise<FoundImage> {
  const image = (await imagesOf({ kind: 'ids', ids: [id] }, api, cancel)).find((one) => one.id === id);
  if (image === undefined) return missing(what, api, 'it does not exist');
  return image.state === AVAILABLE
    ? { kind: 'image', image }
    : missing(what, api, `its state is "${image.state}"`);
}

async function imagesOf(query: ImageQuery, api: ImageApi, cancel: Cancel): Promise<readonly Ec2Image[]> {
  try {
    return await api.describeImages(query, cancel);
  } catch (error) {
    if (error instanceof Ec2Error && error.code.startsWith('InvalidAMIID')) return [];
    throw error;
  }
}

/** Two of the same time: by id, so that everyone takes the same one. */
function newerFirst(one: Ec2Image, other: Ec2Image): number {
  return other.createdAt - one.createdAt || (one.id < other.id ? -1 : 1);
}

function missing(what: string, { region }: ImageApi, why: string): OptionProblem {
  return problem(
    `Cannot use ${what} in region "${region}": ${why}`,
    'Images belong to a region and may be private: look it up there, with the same credentials.',
  );
}

function shortened(value: string): string {
  return value.length <= 40 ? value : `${value.slice(0, 40)}…`;
}
