import { spawn } from 'node:child_process';
import { once } from 'node:events';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

/** The plan command in a process of its own. */
export interface Program {
  readonly pid: number;
  readonly stderr: () => string;
  readonly stdout: () => string;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Resolves once stderr holds this text. */
  says(text: string): Promise<void>;
}

export function startProgram(
  cwd: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk: string) => (out[name] += chunk));
  return {
    pid: child.pid ?? 0,
    stdout: () => out.stdout,
    stderr: () => out.stderr,
    kill: (signal) => child.kill(signal),
    ended: once(child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    })),
    async says(wanted) {
      while (!out.stderr.includes(wanted)) await once(child.stderr, 'data');
    },
  };
}
