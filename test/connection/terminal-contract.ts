import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { openConnection as openDirectly } from '../../src/connection/open.ts';
import type { Terminal, TerminalRequest } from '../../src/connection/terminal.ts';
import { until } from '../support/until.ts';
import type { ReachableMachine } from './connection-contract.ts';

const never = new AbortController().signal;

interface Screen {
  readonly terminal: Terminal;
  type(text: string): void;
  /** Resolves once this was shown. */
  shows(pattern: RegExp): Promise<void>;
  shown(): string;
}

/** What holds for the terminals of every connection that has some. */
export function terminalContract(
  name: string,
  start: () => Promise<ReachableMachine>,
  openConnection: typeof openDirectly = openDirectly,
): void {
  describe(name, () => {
    let machine: ReachableMachine;
    let connection: Connection;

    beforeAll(async () => {
      machine = await start();
      connection = await openConnection(machine.access, { signal: never, onHostKey: () => undefined });
    });
    afterAll(async () => {
      await connection[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    });

    async function open(request: Partial<TerminalRequest> = {}, signal = never): Promise<Screen> {
      const whole = { command: 'sh', columns: 100, rows: 30, term: 'vt100', ...request };
      const terminal = await connection.terminal?.(whole, { signal });
      if (terminal === undefined) throw new Error('it has no terminals');
      let text = '';
      terminal.output.on('data', (chunk: Buffer) => (text += chunk.toString()));
      return {
        terminal,
        type: (typed) => void terminal.input.write(typed),
        shows: (pattern) => until(() => pattern.test(text)),
        shown: () => text,
      };
    }

    it('runs a command in a terminal of that size and kind, and tells its exit code', async () => {
      const screen = await open({ command: 'tty; stty size; echo "$TERM"; exit 7' });
      expect(await screen.terminal.ended).toEqual({ exitCode: 7, exitSignal: null });
      await screen.shows(/^\/dev\/pts\/\d+\r\n30 100\r\nvt100\r\n/);
    });

    it('has all that a command shows before it says that it ended', async () => {
      const screen = await open({ command: 'i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done' });
      await screen.terminal.ended;
      await screen.shows(/\n19999\r\n/);
    });

    it('gives the login shell where no command is wanted', async () => {
      const screen = await open({ command: null });
      screen.type('echo "is $((40+2))"; exit 3\n');
      expect(await screen.terminal.ended).toEqual({ exitCode: 3, exitSignal: null });
      expect(screen.shown()).toContain('is 42');
    });

    it('passes a new size on, of several at once the last', async () => {
      const screen = await open();
      for (const columns of [50, 60, 70]) screen.terminal.resize({ columns, rows: 20 });
      screen.type('until stty size | grep 70; do sleep 0.01; done; echo "so $((1+1))"\n');
      await screen.shows(/so 2/);
      expect(screen.shown()).toMatch(/20 70\r\n/);
      screen.type('exit\n');
      await screen.terminal.ended;
    });

    it('interrupts what runs with Ctrl-C, and the shell goes on', async () => {
      const screen = await open();
      screen.type('PS1="now""> "; sh -c "echo begun \\$((1+1)); exec sleep 1000"\n');
      await screen.shows(/begun 2/);
      screen.type('\u0003');
      await screen.shows(/\^C\s*now> /);
      screen.type('echo "code $?"; exit 5\n');
      expect(await screen.terminal.ended).toEqual({ exitCode: 5, exitSignal: null });
      expect(screen.shown()).toContain('code 130');
    });

    it('ends with its input where the command does', async () => {
      const screen = await open({ command: 'cat >/dev/null; echo over' });
      screen.type('\u0004');
      expect(await screen.terminal.ended).toMatchObject({ exitCode: 0 });
      expect(screen.shown()).toContain('over');
    });

    it('hangs up with the signal', async () => {
      const cancel = new AbortController();
      const mark = `/tmp/plan-terminal-${process.pid}-${Date.now()}`;
      const command = `trap 'rm -f ${mark}; exit' HUP; : >${mark}; echo set; while :; do sleep 0.01; done`;
      const screen = await open({ command }, cancel.signal);
      await screen.shows(/set/);
      const reason = new Error('enough');
      cancel.abort(reason);
      await expect(screen.terminal.ended).rejects.toBe(reason);
      await until(async () => (await connection.exec(`test ! -e ${mark}`, { signal: never })).exitCode === 0);
    });

    it('opens none for a signal that is aborted, nor once the connection is closed', async () => {
      const reason = new Error('enough');
      await expect(open({}, AbortSignal.abort(reason))).rejects.toBe(reason);
      const other = await openConnection(machine.access, { signal: never, onHostKey: () => undefined });
      await other[Symbol.asyncDispose]();
      const opened = other.terminal?.({ command: null, columns: 1, rows: 1, term: 'x' }, { signal: never });
      await expect(opened).rejects.toMatchObject({ problem: 'lost' });
    });

    it('is lost with its connection', async () => {
      const other = await openConnection(machine.access, { signal: never, onHostKey: () => undefined });
      const request = { command: 'cat', columns: 80, rows: 24, term: 'xterm' };
      const terminal = await other.terminal?.(request, { signal: never });
      terminal?.output.resume();
      const ended = expect(terminal?.ended).rejects.toMatchObject({ problem: 'lost' });
      await other[Symbol.asyncDispose]();
      await ended;
    });
  });
}
