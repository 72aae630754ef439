import { describe, expect, it } from 'vitest';
import type { Ec2Image, ImageQuery } from '../../../src/providers/ec2/api.ts';
import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import type { ImageSpec } from '../../../src/providers/ec2/image-spec.ts';
import { resolveImage } from '../../../src/providers/ec2/image.ts';

const CANCEL = { signal: new AbortController().signal };

function imageOf(rest: Partial<Ec2Image> = {}): Ec2Image {
  return {
    id: 'ami-1',
    name: 'ours',
    ownerId: '123456789012',
    state: 'available',
    architecture: 'x86_64',
    rootDeviceName: '/dev/xvda',
    rootDeviceType: 'ebs',
    platform: null,
    createdAt: 1,
    ...rest,
  };
}

/** Answers as EC2 does for an account with these images. */
function apiOf(images: readonly Ec2Image[], parameters: Readonly<Record<string, string>> = {}) {
  return {
    region: 'us-west-2',
    parameter: (name: string) => Promise.resolve(parameters[name] ?? null),
    describeImages(query: ImageQuery) {
      if (query.kind === 'newest') return Promise.resolve(images.filter(({ name }) => name === query.name));
      const found = images.filter(({ id }) => query.ids.includes(id));
      if (found.length > 0) return Promise.resolve(found);
      return Promise.reject(new Ec2Error('DescribeImages', 'InvalidAMIID.NotFound', 'it does not exist'));
    },
  };
}

async function resolved(spec: ImageSpec, api: ReturnType<typeof apiOf>): Promise<string> {
  const found = await resolveImage(spec, api, CANCEL);
  return found.kind === 'image' ? found.image.id : found.message;
}

describe('resolveImage()', () => {
  it('answers an image by its id', async () => {
    const api = apiOf([imageOf()]);
    expect(await resolved({ kind: 'id', id: 'ami-1' }, api)).toBe('ami-1');
    expect(await resolved({ kind: 'id', id: 'ami-2' }, api)).toBe(
      'Cannot use image "ami-2" in region "us-west-2": it does not exist',
    );
  });

  it('answers no image that is not available', async () => {
    expect(await resolved({ kind: 'id', id: 'ami-1' }, apiOf([imageOf({ state: 'deregistered' })]))).toBe(
      'Cannot use image "ami-1" in region "us-west-2": its state is "deregistered"',
    );
  });

  it('answers the image that an SSM parameter names', async () => {
    const long = 'x'.repeat(50);
    const api = apiOf([imageOf()], { '/ours': ' ami-1\n', '/gone': 'ami-2', '/text': long });
    const of = (name: string) => resolved({ kind: 'parameter', name }, api);
    expect(await of('/ours')).toBe('ami-1');
    expect(await of('/gone')).toBe(
      'Cannot use image "ssm:/gone" (ami-2) in region "us-west-2": it does not exist',
    );
    expect(await of('/none')).toBe(
      'Cannot use image "ssm:/none" in region "us-west-2": there is no such SSM parameter',
    );
    expect(await of('/text')).toBe(
      `Cannot use image "ssm:/text" in region "us-west-2": the parameter is no image id but "${long.slice(0, 40)}…"`,
    );
  });

  it('answers the newest image of a name', async () => {
    const api = apiOf([
      imageOf({ id: 'ami-1', createdAt: 1 }),
      imageOf({ id: 'ami-4', createdAt: 3 }),
      imageOf({ id: 'ami-3', createdAt: 3 }),
      imageOf({ id: 'ami-5', createdAt: 9, state: 'pending' }),
    ]);
    expect(await resolved({ kind: 'newest', owner: 'self', name: 'ours' }, api)).toBe('ami-3');
    expect(await resolved({ kind: 'newest', owner: 'self', name: 'theirs' }, api)).toBe(
      'Cannot use the newest image "theirs" of owner "self" in region "us-west-2": there is none',
    );
  });

  it('rejects as the API does when it cannot be asked', async () => {
    const denied = new Ec2Error('DescribeImages', 'UnauthorizedOperation', 'no');
    const api = { ...apiOf([]), describeImages: () => Promise.reject(denied) };
    await expect(resolveImage({ kind: 'id', id: 'ami-1' }, api, CANCEL)).rejects.toBe(denied);
  });
});
