import type { CommandSpec } from '../command-spec.ts';
import { INPUTS, PACE, SELECTION, SELECTOR } from './shared.ts';

/** What is done on machines: commands, files, terminals, ports. */
export const WORK_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'exec',
    summary: 'run a command, or a script, on machines',
    details: [
      'Runs words as they are, with no shell between; exits with the code of the only machine, or 1.',
    ],
    arguments: [SELECTOR],
    rest: { name: 'COMMAND…', required: false },
    flags: [
      {
        name: 'script',
        value: 'FILE',
        completes: 'files',
        summary: 'run a file of this computer instead; what is after -- are its arguments',
      },
      { name: 'user', value: 'USER', summary: 'who runs it (default: the login user)' },
      {
        name: 'output-dir',
        value: 'DIR',
        completes: 'files',
        summary: 'write web-0.out and web-0.err there, print nothing',
      },
      { name: 'group', summary: 'print at the end, what is the same once' },
      { name: 'no-stdin', short: 'n', summary: 'pass no input on' },
      ...SELECTION,
      ...PACE,
      ...INPUTS,
    ],
    examples: [
      ['plan exec web -- uname -a', 'on all machines of a service'],
      ["plan exec '*' --group -- sh -c 'df -h / | tail -1'", 'a line for a shell'],
    ],
    load: async () => (await import('../commands/exec.ts')).execCommand,
  },
  {
    name: 'copy',
    summary: 'copy files and directories to machines, or from them',
    details: [
      'One side is on machines: SELECTOR:PATH. Copies what is in directories, too, and keeps modes and',
      'times. What comes from several machines gets their names appended: hosts.web-0.',
    ],
    arguments: [{ name: 'SRC… DST', required: true, many: true, completes: 'files' }],
    flags: [
      { name: 'user', value: 'USER', summary: 'who reads or writes there (default: the login user)' },
      ...SELECTION,
      ...PACE,
      ...INPUTS,
    ],
    examples: [
      ['plan copy site/ nginx.conf web:/srv --user root', 'to all machines of a service'],
      ["plan copy '*:/var/log/syslog' logs/", 'from all machines: logs/syslog.web-0, …'],
    ],
    load: async () => (await import('../commands/copy.ts')).copyCommand,
  },
];
