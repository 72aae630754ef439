import type { CommandSpec } from '../command-spec.ts';
import { FORCE_PROTECTED, INPUTS, NAME, PLAN, SELECTION, SELECTOR } from './shared.ts';

/** Deployments: what brings them up, heals them and takes them down. */
export const LIFECYCLE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'up',
    summary: 'bring a deployment to what its plan says',
    details: [
      'Brings a deployment to what its plan says: launches machines level by level, bootstraps and verifies',
      'them. Run it again to go on after a failure; on a deployment that is ready it does nothing.',
    ],
    arguments: [PLAN],
    flags: [
      { name: 'name', value: 'N', summary: "the deployment's name (default: the plan's own)" },
      ...INPUTS,
      { name: 'dry-run', summary: 'say what would be done, and touch nothing' },
      { name: 'adopt', summary: 'take over a live deployment that another plan file made' },
      { name: 'ttl', value: 'DURATION', summary: 'how long it lasts from now on, such as 8h, or never' },
      FORCE_PROTECTED,
      {
        name: 'on-failure',
        value: 'WHAT',
        choices: ['keep', 'down'],
        summary: 'keep what is there (the default), or take it down unasked',
      },
      { name: 'no-wait', summary: 'only ask for the machines of the first level that is not ready' },
      { name: 'detach', summary: 'go on in the background; "plan attach" follows it' },
    ],
    examples: [
      ['plan up plans/quickstart.yml', 'bring it up'],
      ['plan up plans/many.yml --input machines=20 --name try-2', 'another deployment, with an input'],
    ],
    load: async () => (await import('../commands/up.ts')).upCommand,
  },
  {
    name: 'status',
    summary: 'levels, services, machines: state, address, age, last failure',
    details: [
      'Shows what is recorded of a deployment, or, with --refresh, what is true now: asks providers and',
      'verifies again, and records nothing. Exit code 0 if it is ready or degraded, else 1.',
    ],
    arguments: [NAME],
    flags: [
      { name: 'refresh', summary: 'ask providers and verify again' },
      {
        name: 'limit',
        value: 'DURATION',
        summary: 'how long each look may take with --refresh (default: 10s)',
      },
      ...INPUTS,
    ],
    examples: [
      ['plan status', 'the only deployment that is not terminated'],
      ['plan status web-stack --json', 'for programs'],
    ],
    load: async () => (await import('../commands/status.ts')).statusCommand,
  },
  {
    name: 'down',
    summary: 'tear deployments down, levels in reverse order',
    details: [
      'Runs teardown scripts and terminates all machines, or those that are selected, levels in reverse',
      'order, whatever fails. Lists what would go and asks; without a terminal it needs --yes.',
    ],
    arguments: [{ name: 'NAME', required: false, many: true, completes: 'deployments' }],
    flags: [
      {
        name: 'only',
        value: 'SELECTOR',
        repeatable: true,
        completes: 'selector',
        summary: 'these machines, and those that share them',
      },
      ...SELECTION,
      { name: 'expired', summary: 'every deployment whose time is over' },
      { name: 'dry-run', summary: 'say what would go, in this order, and touch nothing' },
      FORCE_PROTECTED,
      { name: 'skip-teardown', summary: 'terminate without teardown scripts' },
      { name: 'purge', summary: 'remove its record, history and logs, too' },
      ...INPUTS,
    ],
    examples: [
      ['plan down web-stack try-2 --yes', 'two deployments, unasked'],
      ['plan down web-stack --only web-2 --only @batch', 'a machine and a level of it'],
      ['plan down --expired --yes', 'for cron'],
    ],
    load: async () => (await import('../commands/down.ts')).downCommand,
  },
  {
    name: 'repair',
    summary: 'look at every machine, and heal what does not verify',
    details: [
      'Asks providers, connects and verifies, level by level. What fails is verified again, bootstrapped',
      'again, rebooted or replaced, by the least that works; then those that depended on it. Asks first.',
    ],
    arguments: [NAME],
    flags: [...INPUTS],
    examples: [['plan repair web-stack --yes', 'unasked']],
    load: async () => (await import('../commands/repair.ts')).repairCommand,
  },
  {
    name: 'verify',
    summary: 'look at every machine, and change nothing',
    details: [
      'Asks providers, connects and verifies everywhere. Exit code 0 if every machine passes, else 1.',
    ],
    arguments: [NAME],
    flags: [...INPUTS],
    examples: [['plan verify web-stack', 'every machine of a deployment']],
    load: async () => (await import('../commands/verify.ts')).verifyCommand,
  },
  {
    name: 'wait',
    summary: 'until machines are ready, stopped or terminated',
    details: [
      'Waits until the selected machines, or without a selector the deployment and its operation, are',
      'there; --for failed: until one of them has failed. Reads what is recorded and nothing else. Exit',
      'code 0, or 1 when time ran out or no operation is under way that could bring it about. With a',
      '--timeout, a deployment that -d names need not be recorded yet.',
    ],
    arguments: [SELECTOR],
    flags: [
      {
        name: 'for',
        value: 'WHAT',
        choices: ['ready', 'stopped', 'terminated', 'failed'],
        summary: 'one of ready, stopped, terminated, failed',
      },
      { name: 'timeout', value: 'DURATION', summary: 'how long at most (default: as long as it can come)' },
      ...SELECTION,
    ],
    examples: [
      ['plan wait --for ready --timeout 10m -d web-stack', 'the whole deployment'],
      ['plan wait web @data --for ready', 'a service and a level'],
    ],
    load: async () => (await import('../commands/wait.ts')).waitCommand,
  },
  {
    name: 'attach',
    summary: 'follow the operation under way to its end',
    details: [
      'Shows what another process does with a deployment, or how the last operation ended. Ctrl-C ends the',
      'view and nothing else. Exit code 0 if the operation succeeds, else 1.',
    ],
    arguments: [NAME],
    flags: [],
    examples: [
      ['plan attach', 'the only deployment that is not terminated'],
      ['plan attach web-stack --json', 'as JSON Lines'],
    ],
    load: async () => (await import('../commands/attach.ts')).attachCommand,
  },
  {
    name: 'cancel',
    summary: 'interrupt the operation under way',
    details: [
      'Asks the process of this host that is at work on a deployment to end, and waits until it has. What',
      'was done so far is recorded, and "plan up" goes on from there.',
    ],
    arguments: [NAME],
    flags: [],
    examples: [
      ['plan cancel web-stack', 'such as one of up --detach'],
      ['plan cancel web-stack && plan down web-stack', 'and take it down'],
    ],
    load: async () => (await import('../commands/cancel.ts')).cancelCommand,
  },
];
