import type { ArgumentSpec } from './command-shape.ts';
import type { CommandSpec } from './command-spec.ts';

const PLAN: ArgumentSpec = { name: 'PLAN', required: true, many: false, completes: 'files' };
const NAME: ArgumentSpec = { name: 'NAME', required: false, many: false, completes: 'deployments' };

const INPUTS = [
  {
    name: 'input',
    value: 'K=V',
    repeatable: true,
    summary: 'an input of the plan; may be repeated; wins over --input-file',
  },
  {
    name: 'input-file',
    value: 'FILE',
    repeatable: true,
    completes: 'files',
    summary: 'a YAML file of inputs; may be repeated, the last one wins',
  },
] as const;

/** Every command, in the order of help. */
export const COMMANDS: readonly CommandSpec[] = [
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
      {
        name: 'on-failure',
        value: 'WHAT',
        choices: ['keep', 'down'],
        summary: 'keep what is there (the default), or take it down unasked',
      },
    ],
    examples: [
      ['plan up plans/quickstart.yml', 'bring it up'],
      ['plan up plans/many.yml --input machines=20 --name try-2', 'another deployment, with an input'],
    ],
    load: async () => (await import('./commands/up.ts')).upCommand,
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
    load: async () => (await import('./commands/status.ts')).statusCommand,
  },
  {
    name: 'down',
    summary: 'tear deployments down, levels in reverse order',
    details: [
      'Runs teardown scripts and terminates all machines, levels in reverse order, whatever fails on the',
      'way. Lists what would go and asks; without a terminal it needs --yes.',
    ],
    arguments: [{ name: 'NAME', required: false, many: true, completes: 'deployments' }],
    flags: [
      { name: 'skip-teardown', summary: 'terminate without teardown scripts' },
      { name: 'purge', summary: 'remove its record, history and logs, too' },
      ...INPUTS,
    ],
    examples: [
      ['plan down', 'the only deployment that is not terminated'],
      ['plan down web-stack try-2 --yes', 'two deployments, unasked'],
    ],
    load: async () => (await import('./commands/down.ts')).downCommand,
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
    load: async () => (await import('./commands/repair.ts')).repairCommand,
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
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
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
    load: async () => (await import('./commands/validate.ts')).validateCommand,
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
    load: async () => (await import('./commands/diff.ts')).diffCommand,
  },
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
    load: async () => (await import('./commands/list.ts')).listCommand,
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
    load: async () => (await import('./commands/output.ts')).outputCommand,
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
    load: async () => (await import('./commands/logs.ts')).logsCommand,
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
    load: async () => (await import('./commands/events.ts')).eventsCommand,
  },
  {
    name: 'gc',
    summary: 'find orphans at providers; --delete removes them',
    details: [
      'Asks the providers of these plans and of all recorded deployments, and lists what this tool made and',
      'no deployment of this state directory accounts for. What other state directories made is shown, and',
      'goes only when --owner names its owner. Without a terminal --delete needs --yes.',
    ],
    arguments: [{ name: 'PLAN', required: false, many: true, completes: 'files' }],
    flags: [
      { name: 'delete', summary: 'remove them; asks first' },
      { name: 'owner', value: 'OWNER', summary: 'only what this user@host made' },
      { name: 'older-than', value: 'DURATION', summary: 'only what is older, such as 12h' },
      ...INPUTS,
    ],
    examples: [
      ['plan gc --older-than 12h', 'what is left over'],
      ['plan gc web.yml --delete --yes', 'for cron'],
    ],
    load: async () => (await import('./commands/gc.ts')).gcCommand,
  },
  {
    name: 'unlock',
    summary: 'break a lock whose holder is gone',
    details: [
      'Says who has the lock of a deployment, asks, and takes it away: for what was left over from another',
      'host. Refuses while the holder is alive on this one; the lock of a process that died here needs no',
      'unlocking.',
    ],
    arguments: [{ ...NAME, required: true }],
    flags: [],
    examples: [['plan unlock web-stack', 'after its host was lost']],
    load: async () => (await import('./commands/unlock.ts')).unlockCommand,
  },
  {
    name: 'completion',
    summary: 'a completion script for bash, zsh or fish',
    details: ['Prints a script that completes commands, flags, deployments and machines in your shell.'],
    arguments: [{ name: 'SHELL', required: true, many: false, completes: 'shells' }],
    flags: [],
    examples: [
      ['source <(plan completion bash)', 'in ~/.bashrc'],
      ['source <(plan completion zsh)', 'in ~/.zshrc, after compinit'],
      ['plan completion fish | source', 'in ~/.config/fish/config.fish'],
    ],
    load: async () => (await import('./commands/completion.ts')).completionCommand,
  },
  {
    name: 'help',
    summary: 'help, or the help of a command',
    details: ['Prints the list of commands, or what one command does.'],
    arguments: [{ name: 'COMMAND', required: false, many: false, completes: 'commands' }],
    flags: [],
    examples: [
      ['plan help', 'all commands'],
      ['plan help up', 'one command'],
    ],
    load: async () => (await import('./commands/help.ts')).helpCommand,
  },
  {
    name: '__complete',
    summary: 'candidates for the last word',
    details: [],
    arguments: [{ name: 'WORDS', required: false, many: true, completes: 'nothing' }],
    flags: [],
    examples: [],
    hidden: true,
    load: async () => (await import('./commands/complete.ts')).completeCommand,
  },
];
