import { fixedId } from './ids.ts';

export interface Image {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly description: string;
  readonly architecture: 'x86_64' | 'arm64';
  /** ISO 8601, by which the newest is found. */
  readonly created: string;
  readonly rootDevice: string;
  readonly rootDeviceType: 'ebs' | 'instance-store';
  /** GiB of the snapshot that a root volume is made from. */
  readonly rootSize: number;
  readonly snapshot: string;
  /** Whose authorized_keys the key pair is written to. */
  readonly user: string;
}

export interface InstanceType {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly architectures: readonly ('x86_64' | 'arm64')[];
  /** Dollars an hour that a spot request has to bid at least. */
  readonly spotPrice: number;
}

const CANONICAL = '099720109477';
const AMAZON = '137112412989';
const DEBIAN = '136693071363';

/** Images of a region, whose ids are of this region only, as in AWS. */
export function imagesOf(region: string): readonly Image[] {
  const image = (
    name: string,
    created: string,
    rest: Pick<Image, 'owner' | 'description' | 'user' | 'rootDevice' | 'rootSize'> & Partial<Image>,
  ): Image => ({
    id: fixedId('ami', region, name),
    name,
    created,
    architecture: 'x86_64',
    rootDeviceType: 'ebs',
    snapshot: fixedId('snap', region, name),
    ...rest,
  });
  const ubuntu = {
    owner: CANONICAL,
    description: 'Canonical, Ubuntu, 24.04 LTS',
    user: 'ubuntu',
    rootDevice: '/dev/sda1',
    rootSize: 8,
  };
  return [
    image(
      'ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20250610',
      '2025-06-10T05:14:40.000Z',
      ubuntu,
    ),
    image(
      'ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20250805',
      '2025-08-05T04:58:12.000Z',
      ubuntu,
    ),
    image('ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20250805', '2025-08-05T05:01:33.000Z', {
      ...ubuntu,
      architecture: 'arm64',
    }),
    image('al2023-ami-2023.8.20250808.1-kernel-6.1-x86_64', '2025-08-08T18:22:09.000Z', {
      owner: AMAZON,
      description: 'Amazon Linux 2023 AMI',
      user: 'ec2-user',
      rootDevice: '/dev/xvda',
      rootSize: 8,
    }),
    image('debian-12-amd64-20250721-2181', '2025-07-21T10:40:51.000Z', {
      owner: DEBIAN,
      description: 'Debian 12 (20250721-2181)',
      user: 'admin',
      rootDevice: '/dev/xvda',
      rootSize: 8,
    }),
    image(
      'ubuntu/images-testing/hvm-instance/ubuntu-noble-24.04-amd64-server-20250805',
      '2025-08-05T06:20:00.000Z',
      {
        ...ubuntu,
        rootDeviceType: 'instance-store',
      },
    ),
  ];
}

/** The newest image whose name has this in it; throws when there is none. */
export function imageNamed(images: readonly Image[], part: string): Image {
  const found = images
    .filter(({ name }) => name.includes(part))
    .sort((one, other) => (one.created < other.created ? 1 : -1))[0];
  if (found === undefined) throw new Error(`No image is named "${part}"`);
  return found;
}

function typed(
  name: string,
  vcpus: number,
  memoryGiB: number,
  spotPrice: number,
  isArm = false,
): InstanceType {
  return { name, vcpus, memoryMiB: memoryGiB * 1024, architectures: [isArm ? 'arm64' : 'x86_64'], spotPrice };
}

export const INSTANCE_TYPES: readonly InstanceType[] = [
  typed('t3.nano', 2, 0.5, 0.0016),
  typed('t3.micro', 2, 1, 0.0031),
  typed('t3.small', 2, 2, 0.0062),
  typed('t3.medium', 2, 4, 0.0125),
  typed('t3.large', 2, 8, 0.025),
  typed('t4g.micro', 2, 1, 0.0025, true),
  typed('m5.large', 2, 8, 0.035),
  typed('m5.xlarge', 4, 16, 0.07),
  typed('m5d.large', 2, 8, 0.04),
  typed('c5.large', 2, 4, 0.034),
  typed('c5.4xlarge', 16, 32, 0.272),
  typed('r5.large', 2, 16, 0.045),
  typed('a1.medium', 1, 2, 0.0098, true),
];

/** Public parameters of a region that name its newest images. */
export function parametersOf(images: readonly Image[]): ReadonlyMap<string, string> {
  return new Map([
    [
      '/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id',
      imageNamed(images, 'hvm-ssd-gp3/ubuntu-noble-24.04-amd64').id,
    ],
    [
      '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
      imageNamed(images, 'al2023').id,
    ],
    ['/aws/service/debian/release/12/latest/amd64', imageNamed(images, 'debian-12').id],
  ]);
}
