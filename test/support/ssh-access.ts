import type { Access, SshAccess } from '../../src/machine.ts';

/** An access that is one by SSH. */
export function sshAccess(access: Access | null | undefined): SshAccess {
  if (access?.kind !== 'ssh')
    throw new Error(`Cannot use an access of kind "${access?.kind ?? 'none'}" as SSH`);
  return access;
}

/** The private key of an access that has one. */
export function keyOf(access: Access): string {
  const { privateKey } = sshAccess(access);
  if (privateKey === null) throw new Error('Cannot use an access without a private key');
  return privateKey;
}
