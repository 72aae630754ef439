import { randomInt } from 'node:crypto';

/**
 * Loopback addresses, each given once. They begin somewhere in 127.16.0.0 to 127.239.255.255, so that endpoints of
 * several processes hardly ever meet.
 */
export function createAddresses(): () => string {
  const span = (240 - 16) * 256 * 254;
  let next = randomInt(span);
  return () => {
    const at = next;
    next = (next + 1) % span;
    const low = (at % 254) + 1;
    const rest = Math.floor(at / 254);
    return `127.${16 + Math.floor(rest / 256)}.${rest % 256}.${low}`;
  };
}
