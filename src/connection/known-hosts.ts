import { createHmac } from 'node:crypto';

/** What `known_hosts` says of one host. */
export interface KnownHost {
  /** `ssh-ed25519 AAAA…`, in the order of the file. */
  readonly keys: readonly string[];
  /** Keys that must not be accepted although they may stand there too. */
  readonly revoked: readonly string[];
  /** Keys of the same name without a port, where another port than 22 is asked for: they will do, and refuse nothing. */
  readonly portless: readonly string[];
}

/**
 * The keys of a host in a text in the format of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT": plain and hashed names,
 * `[host]:port`, wildcards, negation, `@revoked`. Certificate authorities are passed over.
 */
export function knownHost(text: string, host: string, port: number): KnownHost {
  const plain = host.toLowerCase();
  const name = port === 22 ? plain : `[${plain}]:${port}`;
  const keys: string[] = [];
  const portless: string[] = [];
  const revoked: string[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined;
    const [names, type, key] = words;
    if (names === undefined || names.startsWith('#') || type === undefined || key === undefined) continue;
    if (!matches(names, name)) {
      if (port !== 22 && marker === undefined && matches(names, plain)) portless.push(`${type} ${key}`);
    } else if (marker === undefined) keys.push(`${type} ${key}`);
    else if (marker === '@revoked') revoked.push(`${type} ${key}`);
  }
  return { keys, revoked, portless };
}

/** A comma-separated list matches when one of its patterns does and none that begins with `!`. */
function matches(patterns: string, name: string): boolean {
  if (patterns.startsWith('|1|')) return matchesHash(patterns, name);
  let isMatch = false;
  for (const pattern of patterns.toLowerCase().split(',')) {
    const isNegated = pattern.startsWith('!');
    if (!wildcard(isNegated ? pattern.slice(1) : pattern).test(name)) continue;
    if (isNegated) return false;
    isMatch = true;
  }
  return isMatch;
}

function matchesHash(hashed: string, name: string): boolean {
  const [, , salt = '', hash] = hashed.split('|');
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}
