import type { Ec2Image } from './api.ts';

type Named = Pick<Ec2Image, 'name' | 'ownerId' | 'platform'>;

const DEFAULT_USER = 'ec2-user';

/** By what the image's name says, in this order: a Bitnami image is named after its Debian as well. */
const BY_NAME: readonly (readonly [RegExp, string])[] = [
  [/bitnami/i, 'bitnami'],
  [/ubuntu/i, 'ubuntu'],
  [/debian/i, 'admin'],
  [/coreos|flatcar/i, 'core'],
  [/fedora/i, 'fedora'],
  [/centos[-_ ]?stream[-_ ]?(?:9|\d\d)/i, DEFAULT_USER],
  [/centos/i, 'centos'],
  [/\brocky/i, 'rocky'],
  [/\balpine/i, 'alpine'],
  [/\bkali/i, 'kali'],
  [/\bvyos/i, 'vyos'],
  [/\bnixos/i, 'root'],
  [/\barch-?linux/i, 'arch'],
  [/windows/i, 'Administrator'],
];

/** By whose account the image comes from, for images that do not tell by their names. */
const BY_OWNER: Readonly<Record<string, string>> = {
  '075585003325': 'core',
  '099720109477': 'ubuntu',
  '136693071363': 'admin',
  '427812963091': 'root',
  '538276064493': 'alpine',
  '647457786197': 'arch',
  '679593333241': 'kali',
  '792107900819': 'rocky',
  '979382823631': 'bitnami',
};

/** The user that an image lets in with the key pair, by convention: Amazon Linux, RHEL, SUSE and FreeBSD agree on one. */
export function loginUser({ name, ownerId, platform }: Named): string {
  if (platform?.toLowerCase() === 'windows') return 'Administrator';
  const named = BY_NAME.find(([pattern]) => pattern.test(name));
  return named?.[1] ?? BY_OWNER[ownerId] ?? DEFAULT_USER;
}
