import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Shell, ShellEnd } from '../api/shell.ts';
import { withEscape } from './escape.ts';
import type { Io } from './io.ts';

/** The size of the terminal that stdout is. */
export function terminalSize({ stdout }: Pick<Io, 'stdout'>): {
  readonly columns: number;
  readonly rows: number;
} {
  return { columns: stdout.columns || 80, rows: stdout.rows || 24 };
}

/**
 * Puts this process's streams through to a command on a machine until that ends. With a terminal over there, the one
 * here sends every key and every new size; it is as it was before when this settles.
 */
export async function attachStreams(
  io: Pick<Io, 'stdin' | 'stdout' | 'stderr'>,
  shell: Shell,
  { isTerminal, leave }: { readonly isTerminal: boolean; readonly leave: () => void },
): Promise<ShellEnd> {
  const { stdin, stdout, stderr } = io;
  const isRaw = isTerminal && stdin.isTTY === true;
  const resize = (): void => shell.resize(terminalSize(io));
  const typed = isRaw ? withEscape(leave) : new PassThrough();
  // A command need not read its input to the end.
  shell.stdin.on('error', () => typed.unpipe(shell.stdin).resume());
  if (isRaw) setRaw(stdin, true);
  if (isTerminal) {
    stdout.on('resize', resize);
    // It may have changed while the machine was being reached.
    resize();
  }
  stdin.pipe(typed).pipe(shell.stdin);
  shell.stdout.pipe(stdout, { end: false });
  shell.stderr.pipe(stderr, { end: false });
  // What nobody reads any more does not keep the command from ending.
  const drain = (): void => void shell.stdout.resume();
  const drainErrors = (): void => void shell.stderr.resume();
  stdout.on('error', drain);
  stderr.on('error', drainErrors);
  try {
    const [end] = await Promise.allSettled([shell.ended, finished(shell.stdout, { writable: false })]);
    if (end.status === 'fulfilled') return end.value;
    // What is said of it begins a line.
    if (isRaw) stdout.write('\r\n');
    throw end.reason;
  } finally {
    stdin.unpipe(typed);
    stdin.pause();
    stdout.off('resize', resize).off('error', drain);
    stderr.off('error', drainErrors);
    if (isRaw) setRaw(stdin, false);
  }
}

function setRaw(stdin: Io['stdin'] & { setRawMode?(raw: boolean): unknown }, raw: boolean): void {
  stdin.setRawMode?.(raw);
}
