import type { Addresses } from '../machine.ts';
import type { Fingerprint } from './made.ts';

/** Stands for an attribute of a machine that is not known before the machine is there. */
export function placeholder(attribute: string, machine: string): string {
  return `‹${attribute} of ${machine}›`;
}

/** Machines whose attributes are not known and that a text depends on, in the order in which it mentions them. */
export function unknownsIn(text: string): readonly string[] {
  if (!text.includes('‹')) return [];
  return [...new Set([...text.matchAll(/‹[\w-]+ of ([\w-]+)›/g)].map(([, machine]) => machine ?? ''))];
}

/** The addresses of a machine that takes the place of one with these; what that one lacked this one lacks, too. */
export function unknownAddresses(machine: string, before: Addresses | null): Addresses {
  const known = (name: 'privateIp' | 'publicIp'): string | null =>
    before !== null && before[name] === null ? null : placeholder(name, machine);
  return {
    hostname: placeholder('hostname', machine),
    address: placeholder('address', machine),
    privateIp: known('privateIp'),
    publicIp: known('publicIp'),
  };
}

/** Digests that remember which machines the text behind them depends on. */
export interface TracedPrint {
  readonly print: Fingerprint;
  machinesBehind(digest: string): readonly string[];
}

export function tracedPrint(fingerprint: Fingerprint): TracedPrint {
  const traces = new Map<string, readonly string[]>();

  /** A text may be put together from digests of other texts. */
  function behindDigestsIn(text: string): readonly string[] {
    if (traces.size === 0) return [];
    return [...text.matchAll(/[\w-]{16,}/g)].flatMap(([word]) => traces.get(word) ?? []);
  }

  return {
    print(text) {
      const digest = fingerprint(text);
      const machines = [...unknownsIn(text), ...behindDigestsIn(text)];
      if (machines.length > 0) traces.set(digest, machines);
      return digest;
    },
    machinesBehind: (digest) => traces.get(digest) ?? [],
  };
}
