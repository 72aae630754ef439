import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';

/** What a program and all processes that it waited for took, in seconds. */
export interface Whole {
  readonly wall: number;
  readonly cpu: number;
}

/** POSIX's `times` tells of the shell on its first line and of its children on the second one. */
const TIMED = 'report=$1; shift; "$@"; code=$?; times >"$report"; exit "$code"';

/** Runs a program to its end. Throws when it fails. */
export async function measureWhole(
  command: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Whole> {
  const directory = await mkdtemp(join(tmpdir(), 'plan-bench-usage-'));
  const report = join(directory, 'times');
  try {
    const started = performance.now();
    await promisify(execFile)('sh', ['-c', TIMED, 'sh', report, ...command], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      maxBuffer: 64 * 1024 * 1024,
    });
    const wall = (performance.now() - started) / 1_000;
    return { wall, cpu: secondsOf(await readFile(report, 'utf8')) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** `1m2.5s 0m0.1s` */
function secondsOf(times: string): number {
  const words = (times.split('\n')[1] ?? '').match(/(\d+)m([\d.]+)s/g) ?? [];
  return words
    .map((word) => word.split('m'))
    .reduce((sum, [minutes, seconds]) => sum + Number(minutes) * 60 + Number.parseFloat(seconds ?? ''), 0);
}
