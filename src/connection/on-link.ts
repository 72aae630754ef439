import { BlockList, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

/**
 * True for an address of a network that this computer has an interface in. Elsewhere the same private address may be
 * somebody else's, or a gateway may answer for it.
 */
export function isOnLink(address: string): boolean {
  const networks = new BlockList();
  for (const { cidr } of Object.values(networkInterfaces()).flatMap((all) => all ?? [])) {
    const [network = '', prefix] = cidr?.split('/') ?? [];
    if (prefix !== undefined) networks.addSubnet(network, Number(prefix), familyOf(network));
  }
  return networks.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
