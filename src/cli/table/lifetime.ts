import type { CommandSpec } from '../command-spec.ts';
import { INPUTS, NAME } from './shared.ts';

/** How long deployments last, and where they are kept. */
export const LIFETIME_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'extend',
    summary: 'set when a deployment is over',
    details: [
      'Sets the end of a deployment, or takes it away, and tells the machines that end by themselves.',
      'Exit code 1 when one of them could not be told.',
    ],
    arguments: [NAME],
    flags: [
      { name: 'by', value: 'DURATION', summary: 'so much later than it would be, or than now if it is over' },
      { name: 'to', value: 'DURATION', summary: 'so much from now' },
      { name: 'never', summary: 'it does not end' },
      ...INPUTS,
    ],
    examples: [
      ['plan extend web-stack --by 2h', 'two hours more'],
      ['plan extend --to 8h', 'eight hours from now'],
    ],
    load: async () => (await import('../commands/extend.ts')).extendCommand,
  },
];
