import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { isOnPath } from './programs.ts';

/** In characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Why no command of this computer can be given a terminal; undefined if one can. */
export function terminalMissing(path = process.env['PATH'] ?? ''): string | undefined {
  if (process.platform !== 'linux') return 'this is no Linux computer';
  return isOnPath('script', path) ? undefined : 'there is no "script" of util-linux on this computer';
}

/**
 * A text for `sh -c` that runs a command line in a terminal of its own, which util-linux's `script` opens: what is typed
 * is the text's input, what is shown its output. File descriptor 3 is told the terminal's path, for `terminalResizer`. It
 * exits as the command does; killed, it hangs up on the terminal.
 */
export function onTerminal(command: string, { columns, rows }: TerminalSize): string {
  const inside = [
    `stty sane rows ${rows} cols ${columns} iutf8 2>/dev/null || stty sane`,
    'tty >&3',
    'exec 3>&-',
    'SHELL=$PLAN_SHELL',
    '[ "$SHELL" ] && export SHELL || unset SHELL',
    'unset PLAN_SHELL',
    command,
  ].join('\n');
  // It runs its command by the shell that this variable names.
  return `exec env "PLAN_SHELL=\${SHELL-}" SHELL=/bin/sh script -qfec '${inside.replaceAll("'", `'\\''`)}' /dev/null`;
}

/** Changes the size of the terminal whose path comes from a stream; the last size that is wanted wins. */
export function terminalResizer(report: Readable): (size: TerminalSize) => void {
  let path: string | undefined;
  let wanted: TerminalSize | undefined;
  let isAtWork = false;
  let told = '';
  report.on('error', () => undefined);
  report.on('data', (chunk: Buffer) => {
    told += chunk.toString();
    if (!told.includes('\n')) return;
    path = told.slice(0, told.indexOf('\n'));
    work();
  });

  function work(): void {
    if (isAtWork || path === undefined || wanted === undefined) return;
    const { columns, rows } = wanted;
    wanted = undefined;
    isAtWork = true;
    const done = (): void => {
      isAtWork = false;
      work();
    };
    // A terminal that is gone meanwhile has no size.
    spawn('sh', ['-c', 'stty rows "$1" cols "$2" <"$0"', path, String(rows), String(columns)], {
      stdio: 'ignore',
    })
      .once('error', done)
      .once('exit', done);
  }

  return (size) => {
    wanted = size;
    work();
  };
}
