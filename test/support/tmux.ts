import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './until.ts';

const run = promisify(execFile);

/** A real terminal, 100 by 30, as somebody sits in front of it. */
export interface Tmux extends AsyncDisposable {
  /** Types a line and Enter. */
  line(text: string): Promise<void>;
  /** Presses a key, such as `C-c`. */
  press(key: string): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Resolves once this is on the screen. */
  shows(pattern: RegExp): Promise<void>;
  screen(): Promise<string>;
}

/** Why there is no terminal here; undefined if there is one. */
export function tmuxMissing(): string | undefined {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no tmux here (Debian: tmux)';
  }
}

/** Runs a command line of `sh` in a terminal, whose screen stays when that has ended. */
export async function startTmux(command: string, cwd: string): Promise<Tmux> {
  const directory = await mkdtemp(join(tmpdir(), 'plan-tmux-'));
  const socket = join(directory, 'socket');
  async function tmux(...words: readonly string[]): Promise<string> {
    return (await run('tmux', ['-S', socket, '-f', '/dev/null', ...words])).stdout;
  }
  const size = ['-x', '100', '-y', '30'];
  const shell = ['sh', '-c', `${command}\nexec sleep 1000`];
  // The first command of a server may set its options.
  const options = ['set', '-g', 'status', 'off', ';', 'set', '-g', 'default-terminal', 'screen', ';'];
  await tmux('start-server', ';', ...options, 'new-session', '-d', '-s', 'it', ...size, '-c', cwd, ...shell);
  const screen = async (): Promise<string> => (await tmux('capture-pane', '-p', '-t', 'it')).trimEnd();
  return {
    async line(text) {
      await tmux('send-keys', '-t', 'it', '-l', text);
      await tmux('send-keys', '-t', 'it', 'Enter');
    },
    async press(key) {
      await tmux('send-keys', '-t', 'it', key);
    },
    async resize(columns, rows) {
      await tmux('resize-window', '-t', 'it', '-x', String(columns), '-y', String(rows));
    },
    async shows(pattern) {
      await until(async () => pattern.test(await screen()));
    },
    screen,
    async [Symbol.asyncDispose]() {
      await tmux('kill-server');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
