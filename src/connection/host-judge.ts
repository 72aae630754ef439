import {
  fingerprint,
  hasFingerprint,
  md5Fingerprint,
  parseHostKey,
  signatureAlgorithms,
} from './host-key.ts';
import type { KnownHost } from './known-hosts.ts';

/** What is known of a host before it shows its key. */
export interface HostKnowledge {
  /** The key that was accepted before, or that the provider told. */
  readonly pinned: string | null;
  readonly fingerprint: string | null;
  /** What the files of OpenSSH say; null when they are not asked. */
  readonly known: KnownHost | null;
  /** What becomes of a key of which nothing is known. */
  readonly unknown: 'pin' | 'refuse';
  /** What to do about an unknown key, for messages. */
  readonly hint: string;
}

/** Decides whether a host may be trusted, before anything is sent to it. */
export interface HostJudge {
  /** Signature algorithms to ask the host for, those of keys that are known first. */
  readonly algorithms: readonly string[];
  /** True when keys of other types are worth asking for after one was refused: only a fingerprint is known. */
  readonly tellsNoType: boolean;
  /** Null when the key may be trusted; else why not, what to do about it on a second line. */
  refuse(key: Buffer): string | null;
  /** What to say when the host has no key of the types that were asked for; null when any would do. */
  readonly noneOfThem: string | null;
}

const ALGORITHMS: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

const CHANGED_HINT =
  'Somebody may be in between. If the machine was set up anew on purpose, replace it in the deployment or correct its host key.';

export function judgeHost(knowledge: HostKnowledge): HostJudge {
  const { pinned, known, unknown, hint } = knowledge;
  const pin = pinned === null ? null : parseHostKey(pinned);
  const wanted = knowledge.fingerprint;
  const keys = (known?.keys ?? []).map(parseHostKey);
  const revoked = (known?.revoked ?? []).map(parseHostKey);
  const portless = (known?.portless ?? []).map(parseHostKey);
  const tellsNoType = pin === null && wanted !== null;

  function refuse(key: Buffer): string | null {
    const shown = wanted?.startsWith('MD5:') === true ? md5Fingerprint(key) : fingerprint(key);
    const shows = `it shows the host key ${shown}`;
    if (revoked.some((other) => other.equals(key)))
      return `${shows}, which is revoked in the known hosts\nSomebody may be in between. The host needs a new key.`;
    if (pin !== null && !pin.equals(key))
      return `it shows the host key ${fingerprint(key)}, ${fingerprint(pin)} is known\n${CHANGED_HINT}`;
    if (wanted !== null && !hasFingerprint(key, wanted))
      return `${shows}, the plan says ${wanted}\nSomebody may be in between. If not, correct "hostKey" in the plan.`;
    if (pin !== null || wanted !== null) return null;
    if (keys.length > 0 && !keys.some((other) => other.equals(key)))
      return `${shows}, the known hosts have ${keys.map(fingerprint).join(', ')}\nSomebody may be in between. If the host was set up anew on purpose, correct the known hosts.`;
    if (keys.length > 0 || unknown === 'pin' || portless.some((other) => other.equals(key))) return null;
    return `it is not in the known hosts, and ${shows}\n${hint}`;
  }

  return {
    algorithms:
      pinned === null
        ? knownFirst([...(known?.keys ?? []), ...(known?.portless ?? [])])
        : signatureAlgorithms(pinned),
    tellsNoType,
    refuse,
    noneOfThem:
      pin === null
        ? null
        : `it no longer has a host key of the known type, ${fingerprint(pin)} is known\n${CHANGED_HINT}`,
  };
}

function knownFirst(keys: readonly string[]): readonly string[] {
  if (keys.length === 0) return ALGORITHMS;
  const known = keys.flatMap(signatureAlgorithms).filter((algorithm) => ALGORITHMS.includes(algorithm));
  return [...new Set([...known, ...ALGORITHMS])];
}
