import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import type { Io, Output, StopSignal } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Every stream is a terminal of this size. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
  /** What is typed. */
  readonly typed?: string;
  /** Told every piece of stderr; may send signals. */
  readonly onStderr?: (text: string, send: (signal: StopSignal) => void) => void;
  /** Told every piece of stdout; may send signals. */
  readonly onStdout?: (text: string, send: (signal: StopSignal) => void) => void;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Codes with which the process was ended at once. */
  readonly exits: readonly number[];
}

/** Runs a command line in this process. */
export async function plan(argv: readonly string[], options: RunOptions): Promise<Ran> {
  const listeners = new Set<(signal: StopSignal) => void>();
  const exits: number[] = [];
  const send = (signal: StopSignal): void => {
    for (const listener of listeners) listener(signal);
  };
  const stdout = collector(options.terminal, (text) => options.onStdout?.(text, send));
  const stderr = collector(options.terminal, (text) => options.onStderr?.(text, send));
  const stdin = Object.assign(new PassThrough(), { isTTY: options.terminal !== undefined });
  if (options.typed !== undefined) stdin.end(options.typed);
  const io: Io = {
    stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env },
    cwd: options.cwd,
    onStop(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    exit: (code) => exits.push(code),
  };
  const code = await run(argv, io);
  return { code, stdout: stdout.text(), stderr: stderr.text(), exits };
}

/** A stream that keeps what is written, as a terminal or not. */
export function collector(
  terminal?: { readonly columns: number; readonly rows: number },
  onText: (text: string) => void = () => undefined,
): { readonly stream: Output; text(): string } {
  let all = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const text = chunk.toString();
      all += text;
      onText(text);
      done();
    },
  });
  return {
    stream: Object.assign(stream, { isTTY: terminal !== undefined, ...terminal }),
    text: () => all,
  };
}

/** A directory of its own, with these files in it. */
export async function workspace(
  files: Readonly<Record<string, string>> = {},
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'plan-cli-')));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** The values of JSON Lines. */
export function jsonLines(text: string): readonly Readonly<Record<string, unknown>>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
