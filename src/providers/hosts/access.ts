import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { JumpHost, SshAccess } from '../../machine.ts';
import { parseHost, parsePort } from '../../ssh-options.ts';
import type { HostEntry } from './host-entry.ts';
import type { SshConfig } from './ssh-config.ts';

/** Who asks: what OpenSSH's client would find of its own accord. */
export interface Operator {
  /** Absolute path. */
  readonly home: string;
  readonly user: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
/** Under sshd's default of 10, from which on it drops connections that are not logged in. */
const STARTUPS = 8;

/** How a host is reached: as its entry says, else as `~/.ssh/config` does, else as OpenSSH would. */
export function accessOf(entry: HostEntry, config: SshConfig, operator: Operator): SshAccess {
  const endpoint = endpointOf(entry, config, operator);
  const { host, user } = endpoint;
  const of = config(entry.address);
  const written = of('identityfile').map((path) => expand(path, { host, user }, operator));
  const keys = (
    written.length > 0 ? written : DEFAULT_KEYS.map((name) => join(operator.home, '.ssh', name))
  ).filter((path) => isFile(path) || isFile(`${path}.pub`));
  const [privateKey = null, ...moreKeys] = keys;
  const agent = agentOf(of('identityagent')[0], { host, user }, operator);
  const jump = jumpOf(of('proxyjump').join(','), config, operator);
  return {
    kind: 'ssh',
    ...endpoint,
    privateKey,
    ...(moreKeys.length > 0 && { moreKeys }),
    ...(agent !== undefined && { agent }),
    ...(of('identitiesonly')[0] === 'yes' && { onlyNamedKeys: true }),
    hostKey: null,
    trust: { kind: 'known-hosts' },
    ...(jump.length > 0 && { jump }),
    startups: STARTUPS,
  };
}

/** Names the machine behind an entry: where it is reached, whoever logs in. 24 hexadecimal digits. */
export type HostHash = (entry: HostEntry) => string;

/** `~/.ssh/config` is asked when the first host is named. */
export function hostHashes(config: () => SshConfig, operator: Operator): HostHash {
  const known = new WeakMap<HostEntry, string>();
  return (entry) => {
    const hash = known.get(entry) ?? hashOf(entry, config(), operator);
    known.set(entry, hash);
    return hash;
  };
}

/** Behind another host between, the same address is another machine. */
function hashOf(entry: HostEntry, config: SshConfig, operator: Operator): string {
  const jump = jumpOf(config(entry.address)('proxyjump').join(','), config, operator);
  const way = [...jump, endpointOf(entry, config, operator)];
  const text = way.map(({ host, port }) => `${host.toLowerCase()}:${port}`).join(' ');
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}

/** Where and as whom a host is reached that is called by an address or a `Host` of the configuration. */
export function endpointOf(
  { address, port, user }: Pick<HostEntry, 'address' | 'port' | 'user'>,
  config: SshConfig,
  operator: Operator,
): JumpHost {
  const of = config(address);
  const alias = of('hostkeyalias')[0];
  return {
    host: of('hostname')[0]?.replaceAll('%h', address) ?? address,
    port: port ?? parsePort(of('port')[0] ?? '') ?? 22,
    user: user ?? of('user')[0] ?? operator.user,
    ...(alias !== undefined && { hostKeyAlias: alias }),
  };
}

/** `none`, or hosts with commas between, which are looked up in the configuration too. */
function jumpOf(written: string, config: SshConfig, operator: Operator): readonly JumpHost[] {
  return written.split(',').flatMap((hop) => {
    const parsed = parseHost(hop.trim().replace(/^ssh:\/\//, ''));
    if (parsed === undefined || hop.trim() === 'none') return [];
    const { host: address, port, user } = parsed;
    return [endpointOf({ address, port, user }, config, operator)];
  });
}

type Target = Pick<JumpHost, 'host' | 'user'>;

function agentOf(written: string | undefined, target: Target, operator: Operator): string | undefined {
  if (written === 'none') return undefined;
  const isSet = (operator.environment['SSH_AUTH_SOCK'] ?? '') !== '';
  if (written === undefined || written === 'SSH_AUTH_SOCK' || written === '$SSH_AUTH_SOCK')
    return isSet ? 'SSH_AUTH_SOCK' : undefined;
  if (written.startsWith('$')) return operator.environment[written.slice(1)];
  return expand(written, target, operator);
}

/** An absolute path, with `~` and the tokens of ssh_config(5) that a path of a key is written with. */
function expand(path: string, { host, user }: Target, { home, user: local }: Operator): string {
  const tokens: Readonly<Record<string, string>> = { d: home, h: host, r: user, u: local, '%': '%' };
  return resolve(
    path.replace(/^~(?=\/)/, home).replace(/%([dhru%])/g, (token, letter: string) => tokens[letter] ?? token),
  );
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
