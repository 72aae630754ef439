import type { CommandSpec } from '../command-spec.ts';
import { INPUTS, PLAN } from './shared.ts';

/** Plans, before they are used. */
export const PLAN_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'validate',
    summary: 'all problems of plans; touches nothing',
    details: ['Reads plans and reports all of their problems at once. Exit code 2 if there is any.'],
    arguments: [{ name: 'PLAN', required: true, many: true, completes: 'files' }],
    flags: [],
    examples: [
      ['plan validate plans/quickstart.yml', 'one plan'],
      ['plan validate plans/*.yml --json', 'many, for programs'],
    ],
    load: async () => (await import('../commands/validate.ts')).validateCommand,
  },
  {
    name: 'diff',
    summary: 'what up would do and why; touches nothing',
    details: [
      'Says what "plan up" would do to each machine and why, and touches nothing: no machine, no provider',
      'and no state. Exit code 0, or 4 with --exit-code when there are differences.',
    ],
    arguments: [PLAN],
    flags: [
      { name: 'name', value: 'N', summary: "the deployment's name (default: the plan's own)" },
      ...INPUTS,
      { name: 'exit-code', summary: 'exit with 4 when there are differences' },
      { name: 'adopt', summary: 'compare with a live deployment that another plan file made' },
    ],
    examples: [
      ['plan diff plans/quickstart.yml', 'what would change'],
      ['plan diff plans/many.yml --input machines=20 --exit-code', 'for scripts'],
    ],
    load: async () => (await import('../commands/diff.ts')).diffCommand,
  },
];
