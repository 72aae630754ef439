import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

import { onTerminal, terminalResizer } from '../../pseudo-terminal.ts';
import type { SshCommand, SshTerminal } from './ssh-handlers.ts';

/** Where a command runs and what it inherits. */
export interface Login {
  readonly home: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly marker: number | null;
}

/**
 * Runs a login's command with `/bin/sh`, as sshd does: in a session of its own, output in order, the end told as
 * soon as the shell ended, the channel open until nobody holds its output any more. Answers the session's pid, or
 * undefined when nothing was started.
 */
export function runCommand(
  command: string | null,
  channel: SshCommand,
  login: Login,
  onExit: (pid: number) => void,
): number | undefined {
  const { terminal } = channel;
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn('/bin/sh', shellArguments(command, login.marker, terminal), {
      cwd: login.home,
      env: { ...login.environment, ...(terminal && { TERM: terminal.term }) },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', ...(terminal ? (['pipe'] as const) : [])],
    });
  } catch (error) {
    refuse(channel, error);
    return undefined;
  }
  const { pid } = child;
  if (pid === undefined) {
    child.once('error', (error) => refuse(channel, error));
    return undefined;
  }
  terminal?.onResize(terminalResizer(child.stdio[3] as Readable));
  let running = true;
  child.once('exit', (code, signal) => {
    running = false;
    onExit(pid);
    tellEnd(channel, code, signal);
  });
  channel.onSignal((name) => {
    if (running) signalSession(pid, `SIG${name}`);
  });
  channel.onClosed(() => {
    if (running) hangUp(child, terminal);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  });
  // The command need not read its input to the end.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.once('close', () => channel.stdin.unpipe(child.stdin).resume());
  channel.stdin.pipe(child.stdin);
  copyOutput(child, channel);
  return pid;
}

/** The limit marks the shell and whatever it starts; a line of its own, so that the command's syntax stays its own. */
function shellArguments(
  command: string | null,
  marker: number | null,
  terminal: SshTerminal | null,
): readonly string[] {
  const mark = marker === null ? '' : `ulimit -m ${marker}\n`;
  if (terminal !== null) return ['-c', mark + onTerminal(command ?? SHELL, terminal)];
  return command === null ? ['-c', `${mark}exec /bin/sh`] : ['-c', mark + command];
}

/** For people: one that they can edit lines with, where there is one. */
const SHELL = 'if command -v bash >/dev/null; then exec bash; else exec /bin/sh; fi';

/** One chunk at a time over both streams: neither overtakes the other, and a slow reader slows the command down. */
function copyOutput(child: ChildProcessWithoutNullStreams, channel: SshCommand): void {
  const waiting: (readonly ['stdout' | 'stderr', Buffer])[] = [];
  let busy = false;
  let ended = false;
  const next = (): void => {
    const chunk = waiting.shift();
    busy = chunk !== undefined;
    if (chunk !== undefined) channel.write(chunk[0], chunk[1], next);
    else if (ended) channel.close();
    else for (const stream of [child.stdout, child.stderr]) stream.resume();
  };
  const copy = (name: 'stdout' | 'stderr', stream: Readable): void => {
    stream.on('data', (bytes: Buffer) => {
      waiting.push([name, bytes]);
      if (busy) stream.pause();
      else next();
    });
    stream.on('error', () => stream.destroy());
  };
  copy('stdout', child.stdout);
  copy('stderr', child.stderr);
  child.once('close', () => {
    ended = true;
    if (!busy) next();
  });
}

function tellEnd(channel: SshCommand, code: number | null, signal: NodeJS.Signals | null): void {
  if (signal === null) {
    channel.ended(code ?? 255);
    return;
  }
  try {
    channel.ended(signal);
  } catch {
    // The protocol has no word for this signal.
    channel.ended(128 + constants.signals[signal]);
  }
}

function refuse(channel: SshCommand, error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  channel.write('stderr', Buffer.from(`Cannot start /bin/sh: ${why}\n`), () => {
    channel.ended(255);
    channel.close();
  });
}

/**
 * The shell alone: a script on its way to a session of its own, which must not end, is in the shell's group still. Of a
 * terminal what holds it, which would not hear: the kernel hangs up on what runs in it then.
 */
function hangUp(shell: ChildProcessWithoutNullStreams, terminal: SshTerminal | null): void {
  shell.kill(terminal === null ? 'SIGHUP' : 'SIGKILL');
}

function signalSession(pid: number, signal: string): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended meanwhile, or there is no such signal here.
  }
}
