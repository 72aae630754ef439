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
  {
    name: 'ssh',
    summary: 'a terminal on a machine, or one command',
    details: [
      "Opens a shell, or runs words as they are, through the system's ssh; by a connection of its own",
      'where there is no ssh, and to machines that ssh does not reach. ~. on a line of its own leaves.',
      'Exits as the command does, and with 255 when there is no connection.',
    ],
    arguments: [{ name: 'MACHINE', required: true, many: false, completes: 'machines' }],
    rest: { name: 'COMMAND…', required: false },
    flags: [
      { name: 'user', value: 'USER', summary: 'who runs it (default: the login user)' },
      { name: 'terminal', short: 't', summary: 'in a terminal, whatever stdin and stdout are' },
      { name: 'no-terminal', short: 'T', summary: 'in none' },
      { name: 'print', summary: 'print the ssh command, and run nothing' },
      { name: 'own-connection', summary: "not through the system's ssh" },
      ...INPUTS,
    ],
    examples: [
      ['plan ssh web-0', 'a shell'],
      ['plan ssh db-0 --user postgres -- psql shop', 'a command'],
    ],
    load: async () => (await import('../commands/ssh.ts')).sshCommand,
  },
  {
    name: 'ssh-config',
    summary: 'a configuration for ssh, scp, rsync and Ansible',
    details: [
      'Prints a Host for each machine (default: all), with the recorded host keys and nothing of ~/.ssh.',
    ],
    arguments: [SELECTOR],
    flags: SELECTION,
    examples: [
      ['plan ssh-config >cluster.ssh', 'then: ssh -F cluster.ssh web-0'],
      ["rsync -e 'ssh -F cluster.ssh' site/ web-0:/srv", 'what runs ssh'],
    ],
    load: async () => (await import('../commands/ssh-config.ts')).sshConfigCommand,
  },
  {
    name: 'forward',
    summary: 'ports of a machine on this computer',
    details: [
      'Listens on 127.0.0.1 until Ctrl-C. LOCAL is PORT where it is not given, and 0 is any that is free;',
      'ADDRESS:LOCAL:PORT listens elsewhere.',
    ],
    arguments: [
      { name: 'MACHINE', required: true, many: false, completes: 'machines' },
      { name: '[LOCAL:]PORT', required: true, many: true, completes: 'nothing' },
    ],
    flags: [
      { name: 'host', value: 'HOST', summary: 'the ports of this host, as the machine reaches it' },
      ...INPUTS,
    ],
    examples: [
      ['plan forward web-0 8080:80 5432', 'web-0:80 as 127.0.0.1:8080, and its port 5432'],
      ['plan forward app-0 5432 --host db.internal', 'what only the machine can reach'],
    ],
    load: async () => (await import('../commands/forward.ts')).forwardCommand,
  },
];
