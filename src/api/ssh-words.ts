import { shellWord } from '../engine/fleet/shell-line.ts';
import type { JumpHost, SshAccess } from '../machine.ts';

/** Options of OpenSSH's client, in the words of ssh_config(5). A keyword may be there several times. */
export type SshOptions = readonly (readonly [keyword: string, value: string])[];

/** Files of a deployment for OpenSSH's client, by absolute paths. */
export interface SshFiles {
  /** The recorded host keys, by the names of machines. */
  readonly knownHosts: string;
  /** The keys of hosts between that are accepted at first sight. */
  readonly jumpHosts: string;
}

/**
 * How a machine is reached, for OpenSSH's client: by what is recorded and nothing else. A recorded host key is the only
 * one that will do; one that is not recorded has to be in OpenSSH's own files.
 */
export function sshOptions(name: string, access: SshAccess, files: SshFiles): SshOptions {
  const { host, port, user, hostKey, hostKeyAlias, jump = [] } = access;
  return [
    ['HostName', escaped(host)],
    ['Port', String(port)],
    ['User', user],
    ...loginOptions(access),
    ...(hostKey === null ? aliasOption(hostKeyAlias) : recordedKey(name, files.knownHosts)),
    ['StrictHostKeyChecking', 'yes'],
    ['UpdateHostKeys', 'no'],
    ...jumpOption(access, jump, files),
  ];
}

/** Words for `spawn`: the first is `ssh`. `more` are flags. */
export function sshWords(
  options: SshOptions,
  { more = [], line = null }: { readonly more?: readonly string[]; readonly line?: string | null } = {},
): readonly string[] {
  const flags = options.flatMap(([keyword, value]) => {
    if (keyword === 'HostName' || keyword === 'User') return [];
    if (keyword === 'Port') return value === '22' ? [] : ['-p', value];
    // This flag looks for the file before it replaces tokens.
    if (keyword === 'IdentityFile' && value !== 'none' && !value.includes('%')) return ['-i', value];
    return ['-o', `${keyword}=${configValue(keyword, value)}`];
  });
  const [host = '', user = ''] = ['HostName', 'User'].map(
    (wanted) => options.find(([keyword]) => keyword === wanted)?.[1] ?? '',
  );
  const to = `${user}@${host.replaceAll('%%', '%')}`;
  return ['ssh', '-F', 'none', ...flags, ...more, to, ...(line === null ? [] : ['--', line])];
}

/** A `Host` of ssh_config(5). */
export function hostBlock(name: string, options: SshOptions): string {
  const lines = options.map(([keyword, value]) => `  ${keyword} ${configValue(keyword, value)}`);
  return [`Host ${name}`, ...lines].join('\n');
}

function loginOptions({
  privateKey,
  moreKeys = [],
  agent,
  onlyNamedKeys,
}: Pick<SshAccess, 'privateKey' | 'moreKeys' | 'agent' | 'onlyNamedKeys'>): SshOptions {
  const keys = new Set(privateKey === null ? moreKeys : [privateKey, ...moreKeys]);
  const paths = keys.size === 0 ? ['none'] : [...keys].map(escaped);
  return [
    ...paths.map((path) => ['IdentityFile', path] as const),
    ['IdentitiesOnly', agent === undefined || onlyNamedKeys === true ? 'yes' : 'no'],
    ['IdentityAgent', agent === undefined ? 'none' : escaped(agent)],
  ];
}

function recordedKey(name: string, file: string): SshOptions {
  return [
    ['HostKeyAlias', name],
    ['UserKnownHostsFile', escaped(file)],
    ['GlobalKnownHostsFile', '/dev/null'],
  ];
}

function aliasOption(alias: string | undefined): SshOptions {
  return alias === undefined ? [] : [['HostKeyAlias', alias]];
}

/**
 * `ProxyCommand` rather than `ProxyJump`, which takes the hosts between from a configuration file, with keys and known
 * hosts of their own, and reads that again.
 */
function jumpOption(access: SshAccess, jump: readonly JumpHost[], files: SshFiles): SshOptions {
  const last = jump.at(-1);
  if (last === undefined) return [];
  const isPinned = access.trust?.kind === 'pin-first';
  const options: SshOptions = [
    ['HostName', escaped(last.host)],
    ['Port', String(last.port)],
    ['User', last.user],
    ...loginOptions(access),
    ...aliasOption(last.hostKeyAlias),
    ...(isPinned ? ([['UserKnownHostsFile', escaped(files.jumpHosts)]] as const) : []),
    ['StrictHostKeyChecking', isPinned ? 'accept-new' : 'yes'],
    ['UpdateHostKeys', 'no'],
    ...jumpOption(access, jump.slice(0, -1), files),
  ];
  const [program = '', ...rest] = sshWords(options);
  const to = rest.pop() ?? '';
  const words = [program, ...rest].map((word) => escaped(shellWord(word)));
  return [['ProxyCommand', [...words, '-W', "'[%h]:%p'", escaped(shellWord(to))].join(' ')]];
}

/** Where tokens such as `%h` are replaced, a `%` is two. */
function escaped(text: string): string {
  return text.replaceAll('%', '%%');
}

/** A command is the rest of its line. */
function configValue(keyword: string, value: string): string {
  return keyword === 'ProxyCommand' || !/[\s"#]/.test(value) ? value : `"${value.replaceAll('"', '\\"')}"`;
}
