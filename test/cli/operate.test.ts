import { expect, it } from 'vitest';
import { startOperation } from '../../src/api/operation.ts';
import { GLOBAL_FLAGS, readGlobalFlags } from '../../src/cli/global-flags.ts';
import { parseArgv } from '../../src/cli/parse.ts';
import { COMMAND_GROUPS, COMMANDS } from '../../src/cli/commands.ts';
import type { Context } from '../../src/cli/context.ts';
import type { StopSignal } from '../../src/cli/io.ts';
import { operate } from '../../src/cli/operate.ts';
import { collector, jsonLines, workspace } from './command.ts';

const NEXT = {
  up: 'plan up',
  repair: 'plan repair',
  down: 'plan down',
  status: 'plan status',
  logs: () => 'plan logs',
};

it('operate() ends the process when an interrupted operation does not end in time', async () => {
  await using space = await workspace();
  const invocation = parseArgv(['down', 'stuck', '--json'], COMMANDS, GLOBAL_FLAGS);
  if (invocation.kind !== 'command') throw new Error('It is a command.');
  const [stdout, stderr] = [collector(), collector()];
  const exits: number[] = [];
  let stop: (signal: StopSignal) => void = () => undefined;
  const context: Context = {
    io: {
      stdin: process.stdin,
      stdout: stdout.stream,
      stderr: stderr.stream,
      env: {},
      cwd: space.path,
      onStop(listener) {
        stop = listener;
        return () => undefined;
      },
      exit: (code) => exits.push(code),
    },
    flags: readGlobalFlags(invocation.globals, {}),
    args: invocation.args,
    rest: invocation.rest,
    options: invocation.options,
    commands: COMMANDS,
    groups: COMMAND_GROUPS,
  };
  let release: () => void = () => undefined;
  const code = await operate(context, 'down', () =>
    Promise.resolve([
      {
        kind: 'down',
        deployment: 'stuck',
        next: NEXT,
        idle: '',
        done: null,
        start: (options) =>
          startOperation(async ({ signal }) => {
            stop('SIGTERM');
            await new Promise<void>((resolve) => (release = resolve));
            signal.throwIfAborted();
            throw new Error('The signal was aborted.');
          }, options),
      },
    ]),
  );
  release();
  expect([code, exits]).toEqual([143, [143]]);
  expect(stderr.text()).toMatch(/^Interrupting: [^\n]*\n✘ Interrupted: [^\n]*\nNext: plan down\n$/);
  expect(jsonLines(stdout.text()).at(-1)).toMatchObject({ type: 'result', outcome: 'interrupted' });
});
