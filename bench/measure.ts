import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

/** One finished process: seconds of wall and CPU time, and its peak memory in MB. */
export interface Usage {
  readonly wall: number;
  readonly cpu: number;
  readonly peak: number;
  readonly exitCode: number;
  readonly stdout: string;
}

/** Loaded before a program; writes what the process used to the file in BENCH_USAGE when it ends. */
const REPORTER = `
import { writeFileSync } from 'node:fs';
process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  writeFileSync(process.env.BENCH_USAGE, JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6, peak: maxRSS / 1024 }));
});
`;

/** Runs a Node program to its end. Throws when it fails. */
export async function measure(
  args: readonly string[],
  options: { readonly cwd?: string; readonly bare?: boolean } = {},
): Promise<Usage> {
  const directory = await mkdtemp(join(tmpdir(), 'plan-bench-usage-'));
  const report = join(directory, 'usage.json');
  const reporter = join(directory, 'reporter.mjs');
  await writeFile(reporter, REPORTER);
  try {
    const started = performance.now();
    const preload = options.bare === true ? [] : ['--import', reporter];
    const child = spawn(process.execPath, [...preload, ...args], {
      cwd: options.cwd,
      env: { ...process.env, BENCH_USAGE: report },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? -1));
    });
    const wall = (performance.now() - started) / 1_000;
    if (exitCode !== 0)
      throw new Error(
        `${args.join(' ')} ended with ${exitCode}:\n${Buffer.concat(errors).toString().slice(-3_000)}`,
      );
    const { cpu, peak } =
      options.bare === true
        ? { cpu: 0, peak: 0 }
        : (JSON.parse(await readFile(report, 'utf8')) as { cpu: number; peak: number });
    return { wall, cpu, peak, exitCode, stdout: Buffer.concat(chunks).toString() };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
