import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isOnPath } from '../programs.ts';
import type { Io } from './io.ts';
import { signalNumber } from './signal-number.ts';

/** True where `ssh` can be run with the streams of this process. */
export function hasSystemSsh({ stdin, stdout, stderr, env }: Io): boolean {
  const areFiles = [stdin, stdout, stderr].every((stream) => fileOf(stream) !== undefined);
  return areFiles && isOnPath('ssh', env['PATH'] ?? '');
}

/** Runs a program in the place of this one, and answers its exit code. Signals are for it. */
export async function runInPlace(words: readonly string[], io: Io): Promise<number> {
  const [program = '', ...args] = words;
  const stdio = [io.stdin, io.stdout, io.stderr].map((stream) => fileOf(stream) ?? 'ignore');
  const child = spawn(program, args, { stdio, env: io.env, cwd: io.cwd });
  const unsubscribe = io.onStop((signal) => void child.kill(signal));
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return code ?? 128 + signalNumber(signal?.replace(/^SIG/, '') ?? null);
  } finally {
    unsubscribe();
  }
}

function fileOf(stream: object): number | undefined {
  return 'fd' in stream && typeof stream.fd === 'number' ? stream.fd : undefined;
}
