import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import type { Cancel } from '../provider.ts';

const PAUSE = 20;
/** Five seconds: what the kernel holds on to for longer is left to the next try. */
const ROUNDS = 250;

/**
 * Kills what scripts left running in a work directory, daemons too, until nothing of it is left: what shows the directory
 * in its environment, as scripts (`PLAN_ATTRIBUTES`) and what supervises them (`PLAN_HOME`) do. A process that cleared
 * its environment, or that this user may not look at, goes on. Answers the pids of those that do not end.
 */
export async function endProcesses(directory: string, { signal }: Cancel): Promise<readonly number[]> {
  for (let rounds = 1; ; rounds++) {
    const pids = processesIn(directory);
    if (pids.length === 0 || rounds > ROUNDS) return pids;
    for (const pid of pids) kill(pid);
    await delay(PAUSE, undefined, { signal });
  }
}

/** Pids of the processes that show a work directory in their environment; not this one. */
export function processesIn(directory: string): readonly number[] {
  const marks = [`PLAN_ATTRIBUTES=${directory}/`, `PLAN_HOME=${directory}`];
  const listed = existsSync('/proc/self/environ') ? fromProc() : fromPs();
  return listed.flatMap(([pid, environment]) =>
    pid !== process.pid && marks.some((mark) => environment.includes(mark)) ? [pid] : [],
  );
}

type Listed = readonly (readonly [pid: number, environment: string])[];

function fromProc(): Listed {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [[Number(name), readFileSync(`/proc/${name}/environ`, 'utf8')] as const];
    } catch {
      // It ended meanwhile, or is somebody else's.
      return [];
    }
  });
}

/** For systems without `/proc`. */
function fromPs(): Listed {
  const words = process.platform === 'darwin' ? ['-A', '-E', '-ww'] : ['axeww'];
  const text = execFileSync('ps', [...words, '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  return text.split('\n').map((line) => [Number.parseInt(line, 10), line] as const);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
