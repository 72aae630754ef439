import type { CommandSpec } from '../command-spec.ts';
import { INPUTS, PACE, SELECTION, SELECTOR } from './shared.ts';

const FORCE_PROTECTED = {
  name: 'force-protected',
  summary: 'machines of protected services, too',
} as const;

/** What is done to machines: their power, their instances, their number. */
export const POWER_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'start',
    summary: 'start machines that are off, and verify them',
    details: [
      'Starts machines, levels in order, and verifies them. Bootstraps only what never was, or a stop tore',
      'down. Launches nothing.',
    ],
    arguments: [SELECTOR],
    flags: [...SELECTION, ...PACE, ...INPUTS],
    examples: [
      ["plan start '*'", 'all machines'],
      ['plan start --state stopped --exclude db', 'all that are off, but those of a service'],
    ],
    load: async () => (await import('../commands/start.ts')).startCommand,
  },
  {
    name: 'stop',
    summary: 'stop machines and keep their disks',
    details: [
      'Has providers stop machines, levels in reverse order, whatever fails. Asks first. What is stopped is',
      'started by "plan start", and by up and repair.',
    ],
    arguments: [SELECTOR],
    flags: [
      { name: 'teardown', summary: 'run teardown scripts first; start then bootstraps again' },
      ...SELECTION,
      ...PACE,
      ...INPUTS,
    ],
    examples: [
      ['plan stop web-2', 'one machine'],
      ['plan stop @app --yes', 'a level, unasked'],
    ],
    load: async () => (await import('../commands/stop.ts')).stopCommand,
  },
  {
    name: 'reboot',
    summary: 'reboot machines, and verify them',
    details: [
      'Reboots machines, levels in order, and verifies them; one that is off is started. Asks first.',
    ],
    arguments: [SELECTOR],
    flags: [...SELECTION, ...PACE, ...INPUTS],
    examples: [
      ['plan reboot web --serial', 'one after the other'],
      ['plan reboot -l zone=a --max-unavailable 25%', 'by label, a quarter of each service at once'],
    ],
    load: async () => (await import('../commands/reboot.ts')).rebootCommand,
  },
  {
    name: 'replace',
    summary: 'give machines a fresh instance under the same name',
    details: [
      'Tears machines down and launches, bootstraps and verifies others under their names; what depends on',
      'them is rendered anew. Begins on no other after a failure. Asks first.',
    ],
    arguments: [SELECTOR],
    flags: [FORCE_PROTECTED, ...SELECTION, ...PACE, ...INPUTS],
    examples: [
      ['plan replace --state failed', 'what is broken'],
      ['plan replace web --max-unavailable 1', 'a service, one by one'],
    ],
    load: async () => (await import('../commands/replace.ts')).replaceCommand,
  },
  {
    name: 'scale',
    summary: 'change how many machines a service has',
    details: [
      'Launches machines, or tears down and terminates those with the highest numbers, and those that',
      '--remove names. It holds, and status shows it, until the plan says the same. Asks before any goes.',
    ],
    arguments: [{ name: 'SERVICE=N|+N|-N', required: false, many: true, completes: 'services' }],
    flags: [
      {
        name: 'remove',
        value: 'MACHINE',
        repeatable: true,
        completes: 'machines',
        summary: 'this one goes; may be repeated',
      },
      FORCE_PROTECTED,
      ...INPUTS,
    ],
    examples: [
      ['plan scale web=5', 'so many'],
      ['plan scale web=-1 worker=+2 --remove web-0', 'fewer, and this one; more of another'],
    ],
    load: async () => (await import('../commands/scale.ts')).scaleCommand,
  },
];
