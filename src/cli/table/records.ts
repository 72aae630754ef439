import type { FlagSpec } from '../command-shape.ts';
import type { CommandSpec } from '../command-spec.ts';
import { NAME } from './shared.ts';

const PASSPHRASE_FILE: FlagSpec = {
  name: 'passphrase-file',
  value: 'FILE',
  completes: 'files',
  summary: 'where the passphrase is, on its first line; - is standard input',
};

/** What is recorded of deployments. */
export const RECORD_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'list',
    summary: 'deployments, one line each',
    details: ['Lists the deployments of the state directory.'],
    arguments: [],
    flags: [],
    examples: [
      ['plan list', 'as a table'],
      ['plan list --json', 'for programs'],
    ],
    load: async () => (await import('../commands/list.ts')).listCommand,
  },
  {
    name: 'output',
    summary: 'attributes and outputs of machines',
    details: [
      'Prints attributes and outputs as lines of web-0.port=7070. One attribute of one machine is printed',
      'as its bare value. SERVICE may be a machine, too. Sensitive values are *** without --reveal.',
    ],
    arguments: [{ name: 'SERVICE[.ATTRIBUTE]', required: false, many: false, completes: 'services' }],
    flags: [{ name: 'reveal', summary: 'print sensitive values' }],
    examples: [
      ['plan output', 'everything'],
      ['plan output registry.port', 'the bare value'],
      ['plan output web --json', 'a service, for programs'],
    ],
    load: async () => (await import('../commands/output.ts')).outputCommand,
  },
  {
    name: 'logs',
    summary: "what a machine's scripts printed",
    details: ["Prints the logs of a machine's scripts, in the order in which they ran."],
    arguments: [{ name: 'MACHINE', required: true, many: false, completes: 'machines' }],
    flags: [
      {
        name: 'step',
        value: 'STEP',
        choices: ['bootstrap', 'verify', 'teardown'],
        summary: 'only this step: bootstrap, verify or teardown',
      },
      { name: 'all', summary: 'those of machines that were replaced, too' },
      { name: 'follow', short: 'f', summary: 'go on until the operation ends' },
    ],
    examples: [
      ['plan logs web-0', 'all steps'],
      ['plan logs web-0 --step bootstrap --follow', 'live'],
    ],
    load: async () => (await import('../commands/logs.ts')).logsCommand,
  },
  {
    name: 'events',
    summary: 'the recorded history',
    details: ['Prints everything that was recorded of a deployment, oldest first.'],
    arguments: [NAME],
    flags: [
      { name: 'follow', short: 'f', summary: 'go on until the operation ends' },
      {
        name: 'since',
        value: 'TIME',
        summary: 'only from then on: a duration such as 1h, or an ISO 8601 time',
      },
    ],
    examples: [
      ['plan events', 'for people'],
      ['plan events --since 10m', 'what happened lately'],
      ['plan events web-stack --follow --json', 'live, as JSON Lines'],
    ],
    load: async () => (await import('../commands/events.ts')).eventsCommand,
  },
  {
    name: 'export',
    summary: 'a deployment as one encrypted file, to go on elsewhere',
    details: [
      'Writes state, history, keys and plan of a deployment to a file that a passphrase opens: that of',
      '--passphrase-file, of the environment variable PLAN_PASSPHRASE, or one that it asks for.',
    ],
    arguments: [{ name: 'FILE', required: true, many: false, completes: 'files' }],
    flags: [
      PASSPHRASE_FILE,
      { name: 'move', summary: 'let it be changed here no longer, only where it is imported' },
      { name: 'logs', summary: "the logs of its machines' scripts, too" },
      { name: 'force', summary: 'write over a file that is there' },
    ],
    examples: [
      ['plan export web.export -d web-stack --move', 'to go on elsewhere'],
      ['plan export web.export --logs --passphrase-file pass.txt', 'as a backup'],
    ],
    load: async () => (await import('../commands/export.ts')).exportCommand,
  },
  {
    name: 'import',
    summary: 'go on with a deployment that was exported',
    details: [
      'Records the deployment of such a file in this state directory, all of it or nothing. Its plan stays',
      'where it was, or comes into the state directory where nothing is there.',
    ],
    arguments: [{ name: 'FILE', required: true, many: false, completes: 'files' }],
    flags: [PASSPHRASE_FILE],
    examples: [
      ['plan import web.export', 'into the state directory that is found from here'],
      ['plan import web.export --passphrase-file -', 'the passphrase from a pipe'],
    ],
    load: async () => (await import('../commands/import.ts')).importCommand,
  },
];
