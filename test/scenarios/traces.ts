import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What a state directory whose deployments are down must not have left behind, one line each: processes that were
 * started in it or for it, sockets that listen at these addresses, locks, the directory of its machines.
 */
export function traces(stateDirectory: string, addresses: Iterable<string>): readonly string[] {
  const machines = join(stateDirectory, 'machines');
  return [
    ...(existsSync(machines) ? [`${machines}: ${readdirSync(machines).join(' ')}`] : []),
    ...entries(join(stateDirectory, 'locks')).map((name) => `lock ${name}`),
    ...processesOf(stateDirectory).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...listening(new Set(addresses)),
  ];
}

/** Processes that name the directory in their command line or environment, or work in it. */
export function processesOf(
  directory: string,
): readonly { readonly pid: number; readonly command: string }[] {
  return entries('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const command = text(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim();
    const named = [command, text(`/proc/${name}/environ`), workingDirectory(name)];
    return named.some((where) => where.includes(directory)) ? [{ pid, command }] : [];
  });
}

/** True when something listens at this address, at any port. */
function listening(addresses: ReadonlySet<string>): readonly string[] {
  return text('/proc/net/tcp')
    .split('\n')
    .flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      const [hex = '', port = ''] = local.split(':');
      const bytes = (hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
      const address = bytes.reverse().join('.');
      return state === '0A' && addresses.has(address) ? [`port ${address}:${Number.parseInt(port, 16)}`] : [];
    });
}

function workingDirectory(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
