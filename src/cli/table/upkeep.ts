import type { CommandSpec } from '../command-spec.ts';
import { INPUTS, NAME } from './shared.ts';

/** What keeps a state directory and a shell in order. */
export const UPKEEP_COMMANDS: readonly CommandSpec[] = [
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
    load: async () => (await import('../commands/gc.ts')).gcCommand,
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
    load: async () => (await import('../commands/unlock.ts')).unlockCommand,
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
    load: async () => (await import('../commands/completion.ts')).completionCommand,
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
    load: async () => (await import('../commands/help.ts')).helpCommand,
  },
  {
    name: '__background',
    summary: 'what up --detach leaves to a process of its own',
    details: [],
    arguments: [NAME],
    flags: [],
    examples: [],
    hidden: true,
    load: async () => (await import('../commands/background.ts')).backgroundCommand,
  },
  {
    name: '__complete',
    summary: 'candidates for the last word',
    details: [],
    arguments: [{ name: 'WORDS', required: false, many: true, completes: 'nothing' }],
    flags: [],
    examples: [],
    hidden: true,
    load: async () => (await import('../commands/complete.ts')).completeCommand,
  },
];
