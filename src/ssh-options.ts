import type { HostTrust } from './machine.ts';

/** What the texts of a plan's `ssh` have to look like, for messages. */
export const SSH_SHAPES = {
  user: 'a user name',
  port: 'a port from 1 to 65535',
  privateKey: 'a path',
  hostKey: 'knownHosts, pinFirst, perMachine, or a fingerprint such as SHA256:…',
  jump: '[user@]host[:port], or several of them with commas between',
} as const;

export type SshText = keyof typeof SSH_SHAPES;

/** A host as it is written; null: not written. */
export interface WrittenHost {
  readonly user: string | null;
  readonly host: string;
  readonly port: number | null;
}

/** True when a text has the shape that `ssh` wants of this key. */
export function isSshText(key: SshText, text: string): boolean {
  switch (key) {
    case 'user':
    case 'privateKey':
      return text.trim() !== '';
    case 'port':
      return parsePort(text) !== undefined;
    case 'hostKey':
      return text.trim() === 'perMachine' || parseTrust(text) !== undefined;
    case 'jump':
      return parseJump(text) !== undefined;
  }
}

export function parsePort(text: string): number | undefined {
  const port = /^\s*\d{1,5}\s*$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/**
 * Reads `knownHosts`, `pinFirst`, `SHA256:…` (base64), `MD5:aa:bb:…` or `aa:bb:…`. Undefined for `perMachine` too, with
 * which the provider tells the key.
 */
export function parseTrust(text: string): HostTrust | undefined {
  const trimmed = text.trim();
  if (trimmed === 'knownHosts') return { kind: 'known-hosts' };
  if (trimmed === 'pinFirst') return { kind: 'pin-first' };
  const sha256 = /^SHA256:([A-Za-z0-9+/]{43})=?$/.exec(trimmed)?.[1];
  if (sha256 !== undefined) return { kind: 'fingerprint', fingerprint: `SHA256:${sha256}` };
  const md5 = /^(?:MD5:)?((?:[0-9a-f]{2}:){15}[0-9a-f]{2})$/i.exec(trimmed)?.[1];
  return md5 === undefined ? undefined : { kind: 'fingerprint', fingerprint: `MD5:${md5.toLowerCase()}` };
}

/** Reads what `parseHost` does, with commas between several. */
export function parseJump(text: string): readonly WrittenHost[] | undefined {
  const hops = text.split(',').map((hop) => parseHost(hop.trim()));
  return hops.every((hop) => hop !== undefined) ? hops : undefined;
}

/** Reads `[user@]host[:port]`; IPv6 goes in brackets where a port follows. */
export function parseHost(text: string): WrittenHost | undefined {
  const match =
    /^(?:([^\s@]+)@)?(?:\[([0-9a-f:.%\w]+)\]|([^\s@:[\]/]+)|([0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*))(?::(\d+))?$/i.exec(
      text,
    );
  if (match === null) return undefined;
  const [, user = null, bracketed, name, ipv6, written] = match;
  const host = bracketed ?? name ?? ipv6;
  const port = written === undefined ? null : parsePort(written);
  return host === undefined || port === undefined ? undefined : { user, host, port };
}
