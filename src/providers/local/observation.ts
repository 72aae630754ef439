import type { Observation } from '../provider.ts';
import type { Unit } from './unit.ts';

/** What is told of a machine. `privateKey`: path of the key that opens it. */
export function observation(
  { record, state, reason }: Unit,
  { user, privateKey }: { readonly user: string; readonly privateKey: string },
): Observation {
  const { id, address, port, hostKey, batch } = record;
  return {
    id,
    state,
    reason,
    addresses: { hostname: address, address, privateIp: address, publicIp: null },
    access: { kind: 'ssh', host: address, port, user, privateKey, hostKey: hostKey.publicKey },
    batch,
  };
}
