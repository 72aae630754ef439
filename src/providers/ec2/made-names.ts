import { homedir } from 'node:os';
import { join } from 'node:path';

import type { Tags } from '../provider.ts';

/** What the key pair and the security groups made for a deployment are called. */
export function madeName({ deployment, uuid }: Pick<Tags, 'deployment' | 'uuid'>): string {
  return `plan-${deployment}-${uuid.slice(0, 8)}`;
}

/** Where people keep the private key of a key pair, the likeliest first. */
export function usualKeyPaths(keyName: string | null, home: string = homedir()): readonly string[] {
  const names = [...(keyName === null ? [] : [`${keyName}.pem`, keyName]), 'id_ed25519', 'id_rsa'];
  return names.map((name) => join(home, '.ssh', name));
}
