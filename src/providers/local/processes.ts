import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { limitIn, markerFor, markersOf } from './marker.ts';

/** One process of a machine. */
export interface Member {
  readonly pid: number;
  readonly group: number;
}

/** What a machine's processes are found by. */
export interface Owner {
  readonly marker: number | null;
  readonly home: string;
  /** Pids of sessions that the host started itself and that have not ended. */
  readonly sessions: () => Iterable<number>;
}

/** The processes of every one of these machines, in one look at the computer. Zombies do not count. */
export type Scan = (owners: readonly Owner[]) => Promise<ReadonlyMap<Owner, readonly Member[]>>;

/** Limit on the resident set of this process (KiB); null: none. Throws where there is no `/proc`. */
export function ownLimit(): number | null {
  return limitIn(readFileSync('/proc/self/limits', 'utf8'));
}

/** True when a marker sticks to the children of this process and can be read from them. */
export function markersWork(): boolean {
  try {
    const marker = markerFor(1, 0, ownLimit());
    if (marker === null) return false;
    const limits = execFileSync('/bin/sh', ['-c', `ulimit -m ${marker} && cat /proc/self/limits`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return limitIn(limits) === marker;
  } catch {
    return false;
  }
}

/** Finds members by their resource limit: whatever they did to session, parent, environment or title. */
export const scanMarkers: Scan = async (owners) => {
  const members = new Map<Owner, Member[]>(owners.map((owner) => [owner, []]));
  const byMarker = new Map(owners.map((owner) => [owner.marker, owner]));
  let seen = 0;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    // Thousands of processes must not hold up the connections of other machines.
    if (++seen % 250 === 0) await nextTurn();
    const limit = limitIn(readIfThere(`/proc/${name}/limits`));
    const found = limit === null ? [] : markersOf(limit).flatMap((marker) => byMarker.get(marker) ?? []);
    if (found.length === 0) continue;
    const group = groupOf(pid);
    if (group !== undefined) for (const owner of found) members.get(owner)?.push({ pid, group });
  }
  return members;
};

/** Empty text for a process that has ended meanwhile or that we may not look at. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** True until a process has let go of everything: a zombie has, which in a container nobody may ever collect. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return process.platform === 'linux' ? groupOf(pid) !== undefined : true;
}

/** Undefined for what has ended. A first thread that is a zombie says nothing of the other threads. */
function groupOf(pid: number): number | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The command before may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, group, threads] = [fields[0] ?? '', Number(fields[2]), Number(fields[17])];
  return state === '' || state === 'X' || (state === 'Z' && threads < 2) ? undefined : group;
}

/**
 * For systems without `/proc`, best effort: what descends from a session, shares a group with a member, or shows the
 * machine's home in its environment.
 */
export const scanTree: Scan = (owners) => {
  const listing = execFileSync(
    'ps',
    process.platform === 'darwin'
      ? ['-A', '-E', '-ww', '-o', 'pid=,ppid=,pgid=,stat=,command=']
      : ['axeww', '-o', 'pid=,ppid=,pgid=,stat=,command='],
    {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    },
  );
  const processes = listing.split('\n').flatMap((line) => {
    const [, pid, parent, group, state, command] = /^ *(\d+) +(\d+) +(\d+) +(\S+) (.*)$/.exec(line) ?? [];
    if (command === undefined || state?.startsWith('Z') === true || Number(pid) === process.pid) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), command }];
  });
  return Promise.resolve(
    new Map(
      owners.map((owner) => {
        const sessions = new Set(owner.sessions());
        const members = new Map<number, Member>();
        for (let before = -1; before !== members.size;) {
          before = members.size;
          const groups = new Set([...members.values()].map(({ group }) => group));
          for (const { pid, parent, group, command } of processes) {
            const belongs =
              sessions.has(pid) ||
              members.has(parent) ||
              groups.has(group) ||
              `${command} `.includes(`HOME=${owner.home} `);
            if (belongs) members.set(pid, { pid, group });
          }
        }
        return [owner, [...members.values()]];
      }),
    ),
  );
};
