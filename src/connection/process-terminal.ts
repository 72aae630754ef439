import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { onTerminal, terminalMissing, terminalResizer } from '../pseudo-terminal.ts';
import { onAbort } from './abort.ts';
import { ConnectionError } from './connection.ts';
import { LOGIN_SHELL } from './login-shell.ts';
import type { ProcessPlace } from './process-command.ts';
import type { Terminal, TerminalEnd, TerminalRequest } from './terminal.ts';

/** Runs a command of this computer in a terminal of its own. Throws `ConnectionError` where none can be had. */
export function processTerminal(
  { command, term, ...size }: TerminalRequest,
  { signal }: { readonly signal: AbortSignal },
  { directory, environment }: ProcessPlace,
): Terminal {
  signal.throwIfAborted();
  const missing = terminalMissing();
  if (missing !== undefined) throw cannotOpen(directory, missing);
  const child = spawn('/bin/sh', ['-c', onTerminal(command ?? LOGIN_SHELL, size)], {
    cwd: directory,
    env: { ...environment, TERM: term },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr } = child;
  stderr.resume();
  // The terminal may be gone before all that is typed was read.
  stdin.on('error', () => stdin.destroy());
  stdout.on('error', () => undefined);
  const ended = new Promise<TerminalEnd>((resolve, reject) => {
    const stopListening = onAbort(signal, () => {
      child.kill('SIGKILL');
      reject(signal.reason as Error);
    });
    child.once('error', (error) => {
      stopListening();
      reject(cannotOpen(directory, error.message));
    });
    // What the command left behind may hold the outputs of `script`; the terminal is gone all the same.
    child.once('exit', (exitCode, exitSignal) => {
      stopListening();
      resolve({ exitCode, exitSignal: exitSignal?.replace(/^SIG/, '') ?? null });
    });
  });
  ended.catch(() => undefined);
  return { input: stdin, output: stdout, resize: terminalResizer(child.stdio[3] as Readable), ended };
}

function cannotOpen(directory: string, why: string): ConnectionError {
  return new ConnectionError('failed', `Cannot open a terminal in "${directory}": ${why}`);
}
