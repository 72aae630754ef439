import type { CommandSpec } from '../command-spec.ts';
import { NAME } from './shared.ts';

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
];
