import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/json.ts';
import { readOptions } from '../../../src/providers/ec2/options.ts';
import { requestOf } from './launch-request.ts';

function read(
  options: Readonly<Record<string, Json>>,
  image?: string | null,
): ReturnType<typeof readOptions> {
  return readOptions(requestOf({ options, ...(image !== undefined && { image }) }));
}

function problemOf(options: Readonly<Record<string, Json>>, image?: string | null): string {
  const answer = read(options, image);
  return answer.kind === 'problem' ? `${answer.message}\n${answer.hint}` : expect.fail('it was read');
}

const DEFAULTS = {
  image: { kind: 'id', id: 'ami-0123456789abcdef0' },
  instanceTypes: ['t3.micro'],
  subnetIds: [],
  securityGroupIds: null,
  keyName: null,
  iamInstanceProfile: null,
  associatePublicIp: null,
  rootVolume: null,
  spot: null,
  userData: null,
  httpTokens: 'required',
  httpPutResponseHopLimit: null,
  tenancy: null,
  placementGroup: null,
  tags: {},
};

describe('readOptions()', () => {
  it('has a default for everything but the image', () => {
    expect(read({})).toEqual({ kind: 'options', options: DEFAULTS });
    expect(read({ spot: null, metadata: null, rootVolume: null, userData: '', subnetId: null })).toEqual(
      read({}),
    );
  });

  it('takes what templates render', () => {
    expect(
      read({
        instanceType: ' m7g.large ',
        subnetId: ['subnet-1', 'subnet-2', 'subnet-1'],
        securityGroupIds: ['sg-1'],
        keyName: 'ann',
        iamInstanceProfile: 'arn:aws:iam::123456789012:instance-profile/web',
        associatePublicIp: 'false',
        rootVolume: { sizeGiB: '20', type: 'gp3', encrypted: 'true' },
        spot: { maxPrice: 0.05 },
        userData: ' #!/bin/sh\n',
        metadata: { httpTokens: 'optional', httpPutResponseHopLimit: 2 },
        tenancy: 'dedicated',
        placementGroup: 'near',
        tags: { team: 'red', number: 7, isNew: true, none: null },
      }),
    ).toEqual({
      kind: 'options',
      options: {
        ...DEFAULTS,
        instanceTypes: ['m7g.large'],
        subnetIds: ['subnet-1', 'subnet-2'],
        securityGroupIds: ['sg-1'],
        keyName: 'ann',
        iamInstanceProfile: 'arn:aws:iam::123456789012:instance-profile/web',
        associatePublicIp: false,
        rootVolume: { sizeGiB: 20, type: 'gp3', encrypted: true },
        spot: { maxPrice: '0.05' },
        userData: ' #!/bin/sh\n',
        httpTokens: 'optional',
        httpPutResponseHopLimit: 2,
        tenancy: 'dedicated',
        placementGroup: 'near',
        tags: { team: 'red', number: '7', isNew: 'true' },
      },
    });
  });

  it.each([
    [true, { maxPrice: null }],
    ['true', { maxPrice: null }],
    [{}, { maxPrice: null }],
    [{ maxPrice: ' 1.5 ' }, { maxPrice: '1.5' }],
    [false, null],
    ['false', null],
  ])('reads spot %j', (spot, expected) => {
    expect(read({ spot })).toMatchObject({ options: { spot: expected } });
  });

  it.each([
    [{ instanceTypes: 'a' }, 'Cannot use ec2.instanceTypes: there is no such key'],
    [
      { rootVolume: { size: 3 } },
      'Cannot use ec2.rootVolume.size: there is no such key\nThe keys of ec2.rootVolume are sizeGiB, type, encrypted.',
    ],
    [{ spot: { price: 3 } }, 'Cannot use ec2.spot.price: there is no such key'],
    [
      { instanceType: [] },
      'Cannot use ec2.instanceType: it is not a type such as t3.micro, or a list\nWrite a type such as t3.micro, or a list.',
    ],
    [{ instanceType: ['a', ''] }, 'Cannot use ec2.instanceType: it is not'],
    [{ subnetId: 5 }, 'Cannot use ec2.subnetId "5"'],
    [{ keyName: ' ' }, 'Cannot use ec2.keyName " "'],
    [{ associatePublicIp: 'maybe' }, 'Cannot use ec2.associatePublicIp "maybe": it is not true or false'],
    [{ rootVolume: 8 }, 'Cannot use ec2.rootVolume "8": it is not a map'],
    [
      { rootVolume: { sizeGiB: '1.5' } },
      'Cannot use ec2.rootVolume.sizeGiB "1.5": it is not a whole number from 1 to 65536',
    ],
    [{ rootVolume: { sizeGiB: 0 } }, 'Cannot use ec2.rootVolume.sizeGiB "0"'],
    [{ spot: 'maybe' }, 'Cannot use ec2.spot "maybe": it is not true, false or { maxPrice: "0.05" }'],
    [{ spot: { maxPrice: '$1' } }, 'Cannot use ec2.spot.maxPrice "$1": it is not a price such as "0.05"'],
    [{ userData: { file: 'a' } }, 'Cannot use ec2.userData: it is not text'],
    [
      { metadata: { httpTokens: 'some' } },
      'Cannot use ec2.metadata.httpTokens "some": it is not one of required, optional',
    ],
    [{ metadata: { httpPutResponseHopLimit: 65 } }, 'it is not a whole number from 1 to 64'],
    [{ tenancy: 3 }, 'Cannot use ec2.tenancy "3": it is not one of default, dedicated, host'],
    [{ tags: ['a'] }, 'Cannot use ec2.tags: it is not a map of texts'],
    [{ tags: { a: { b: 'c' } } }, 'Cannot use ec2.tags'],
  ])('says what is wrong with %j', (options, message) => {
    expect(problemOf(options)).toContain(message);
  });
});

describe('an image', () => {
  it.each([
    ['ami-0a1b2c3d', { kind: 'id', id: 'ami-0a1b2c3d' }],
    ['emi-0A1B2C3D', { kind: 'id', id: 'emi-0A1B2C3D' }],
    ['ssm:/aws/service/x', { kind: 'parameter', name: '/aws/service/x' }],
    ['{"owner":"amazon","name":"al2023-*"}', { kind: 'newest', owner: 'amazon', name: 'al2023-*' }],
  ])('is read from %s', (image, expected) => {
    expect(read({}, image)).toMatchObject({ options: { image: expected } });
  });

  it.each([null, '', ' '])('is required: %j', (image) => {
    expect(problemOf({}, image)).toContain(
      'Cannot launch machines on EC2: "image" is required\nWrite an image id',
    );
  });

  it.each([
    'ubuntu',
    'ssm:',
    '{',
    '{"owner":"a"}',
    '{"owner":"a","name":"b","c":1}',
    '{"owner":1,"name":"b"}',
    '[]',
  ])('cannot be %s', (image) => {
    expect(problemOf({}, image)).toContain(`Cannot use image "${image}": EC2 has no images of that form`);
  });
});
