import { describe, expect, it } from 'vitest';
import type { CommandSpec } from '../../src/cli/command-spec.ts';
import { GLOBAL_FLAGS } from '../../src/cli/global-flags.ts';
import { parseArgv } from '../../src/cli/parse.ts';

const command = {
  summary: '',
  details: [],
  arguments: [{ name: 'SELECTOR', required: false, many: true, completes: 'machines' }],
  examples: [],
  load: () => Promise.reject(new Error('It is not run here.')),
} as const;
const COMMANDS: readonly CommandSpec[] = [
  {
    ...command,
    name: 'do',
    flags: [{ name: 'label', short: 'l', value: 'EXPR', repeatable: true, summary: '' }],
    rest: { name: 'WORD…', required: false },
  },
  { ...command, name: 'plain', flags: [] },
];

/** The arguments, the rest and the labels of a command line. */
function parsed(...argv: readonly string[]) {
  const invocation = parseArgv(argv, COMMANDS, GLOBAL_FLAGS);
  if (invocation.kind !== 'command') throw new Error(`It is ${invocation.kind}.`);
  return { args: invocation.args, rest: invocation.rest, labels: invocation.options.list('label') };
}

describe('parseArgv()', () => {
  it('leaves the words after -- alone, whatever they look like', () => {
    expect(parsed('do', 'web', '--json', '--', 'ls', '-l', '', '--json', '--', '-d', 'x')).toEqual({
      args: ['web'],
      rest: ['ls', '-l', '', '--json', '--', '-d', 'x'],
      labels: [],
    });
  });

  it('tells words after -- from arguments where there are none of these', () => {
    expect(parsed('do', '-l', 'a=b', '--', 'true')).toEqual({ args: [], rest: ['true'], labels: ['a=b'] });
    expect(parsed('--json', 'do', '--')).toEqual({ args: [], rest: [], labels: [] });
    expect(parsed('do', 'true')).toEqual({ args: ['true'], rest: null, labels: [] });
  });

  it('takes words after -- as arguments of a command that has no others', () => {
    expect(parsed('plain', 'a', '--', '-b', 'do')).toEqual({
      args: ['a', '-b', 'do'],
      rest: null,
      labels: [],
    });
  });

  it('takes the name of a command for an argument after another command', () => {
    expect(parsed('plain', 'do', '--', '-b')).toEqual({ args: ['do', '-b'], rest: null, labels: [] });
  });

  it('asks for help before -- alone', () => {
    expect(parseArgv(['do', '--help', '--', 'x'], COMMANDS, GLOBAL_FLAGS)).toMatchObject({ kind: 'help' });
    expect(parsed('do', '--', '--help').rest).toEqual(['--help']);
  });
});
