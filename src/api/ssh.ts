import { isIP } from 'node:net';
import { once } from 'node:events';
import { ConnectionError } from '../connection/connection.ts';
import { dialTcp } from '../connection/ssh-dial.ts';
import { shellLine, shellWord } from '../engine/fleet/shell-line.ts';
import { UsageError } from '../errors.ts';
import type { Machine, SshAccess } from '../machine.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { machineState } from '../state/machine-state.ts';
import { loadDeployment, withStore } from './deployments.ts';
import type { InputOptions } from './given-inputs.ts';
import { inputSource } from './given-inputs.ts';
import { oneMachine } from './one-machine.ts';
import { openReach } from './reach.ts';
import type { Selector } from './select.ts';
import { select } from './select.ts';
import type { Session } from './session.ts';
import { wordsOf } from './shell.ts';
import { writeSshFiles } from './ssh-files.ts';
import type { SshFiles, SshOptions } from './ssh-words.ts';
import { hostBlock, sshOptions, sshWords } from './ssh-words.ts';

export type { SshOptions } from './ssh-words.ts';

export interface SshCommandOptions extends InputOptions {
  /** Words, which reach the machine byte for byte, or a line for `sh -c`. Default: the login shell. */
  readonly command?: string | readonly string[] | undefined;
  /** Who runs it. Default: the login user. */
  readonly user?: string | undefined;
  /** Whether it runs in a terminal. Default: as `ssh` decides. */
  readonly terminal?: boolean | undefined;
  /** See first that a machine of this computer is served, which may have to begin again. Default: false. */
  readonly wake?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A command of OpenSSH's client, or why that cannot reach a machine. */
export type SshCommand =
  | {
      readonly kind: 'ssh';
      /** For `spawn`: the first is `ssh`. */
      readonly words: readonly string[];
      /** The same as a line for a POSIX shell. */
      readonly line: string;
      /** Nothing but a password lets in, which `ssh` asks for. */
      readonly asksPassword: boolean;
    }
  | { readonly kind: 'none'; readonly why: string };

/** How OpenSSH's client reaches machines. */
export interface SshConfig {
  /** The text of a file for `ssh -F`, with a `Host` for each machine that can be reached. */
  readonly text: string;
  /** Absolute path of the file of recorded host keys that it names. */
  readonly knownHosts: string;
  readonly machines: readonly SshHost[];
}

/** `options`: in the words of ssh_config(5). */
export type SshHost =
  | { readonly kind: 'ssh'; readonly name: string; readonly options: SshOptions }
  | { readonly kind: 'none'; readonly name: string; readonly why: string };

/** Composes the `ssh` that reaches a machine. Rejects with `UsageError` for a machine or a command that is none. */
export async function composeSshCommand(
  session: Session,
  deployment: string,
  term: string,
  { command, user, terminal, wake, ...options }: SshCommandOptions & { readonly signal: AbortSignal },
): Promise<SshCommand> {
  const state = await withStore(session.directory, (store) => loadDeployment(store, deployment));
  const machine = oneMachine(state, term);
  const line = lineOf(wordsOf(command), user ?? null);
  const way = accessOf(machine);
  if (way.kind === 'none') return way;
  const { access } = way;
  if (wake === true && !(await isServed(access))) await wakeUp(session, deployment, machine, options);
  const files = await writeSshFiles(session.directory, state);
  const more = terminal === undefined ? [] : [terminal ? '-tt' : '-T'];
  const words = sshWords(sshOptions(machine.name, access, files), { more, line });
  const { privateKey, moreKeys = [], agent } = access;
  const asksPassword = privateKey === null && moreKeys.length === 0 && agent === undefined;
  return { kind: 'ssh', words, line: words.map(wordOfLine).join(' '), asksPassword };
}

/** None but the first could be taken for an assignment. */
function wordOfLine(word: string): string {
  return /^-?[\w./:@%+,=-]+$/.test(word) ? word : shellWord(word);
}

/** Writes down how OpenSSH's client reaches the selected machines. Rejects with `UsageError`. */
export async function composeSshConfig(
  session: Session,
  deployment: string,
  selector: Selector,
): Promise<SshConfig> {
  const state = await withStore(session.directory, (store) => loadDeployment(store, deployment));
  const files = await writeSshFiles(session.directory, state);
  const machines = machinesOf(state, selector).map((machine) => hostOf(machine, files));
  const blocks = machines.map((host) =>
    host.kind === 'ssh' ? hostBlock(host.name, host.options) : `# ${host.name}: ${host.why}`,
  );
  return { text: blocks.map((block) => `${block}\n`).join('\n'), knownHosts: files.knownHosts, machines };
}

/** All of a deployment that has none are none. */
function machinesOf(state: DeploymentState, selector: Selector): readonly Machine[] {
  if (selector === '*' && [...state.machines.values()].every(({ stage }) => stage === 'gone')) return [];
  return select(selector, state).flatMap((name) => state.machines.get(name) ?? []);
}

function hostOf(machine: Machine, files: SshFiles): SshHost {
  const { name } = machine;
  const way = accessOf(machine);
  return way.kind === 'none'
    ? { ...way, name }
    : { kind: 'ssh', name, options: sshOptions(name, way.access, files) };
}

type Way =
  { readonly kind: 'ssh'; readonly access: SshAccess } | { readonly kind: 'none'; readonly why: string };

function accessOf(machine: Machine): Way {
  const { id, access } = machine;
  const state = machineState(machine);
  if (id === null || access === null || state === 'stopped' || state === 'terminated')
    return { kind: 'none', why: `it is ${state}` };
  switch (access.kind) {
    case 'docker':
      return { kind: 'none', why: 'it is a container, which is not reached by ssh' };
    case 'process':
      return { kind: 'none', why: 'it is this computer itself, which is not reached by ssh' };
    case 'ssh':
      return access.hostKey === null && access.trust?.kind !== 'known-hosts'
        ? { kind: 'none', why: 'its host key is not known yet' }
        : { kind: 'ssh', access };
    default:
      return access satisfies never;
  }
}

function lineOf(words: readonly string[] | null, user: string | null): string | null {
  try {
    return shellLine(words, user);
  } catch (error) {
    throw error instanceof ConnectionError ? new UsageError(error.message) : error;
  }
}

/** False for a machine of this computer that nobody serves now; others have servers of their own. */
async function isServed({ host, port, jump = [] }: SshAccess): Promise<boolean> {
  const isHere = isIP(host) === 4 && host.startsWith('127.');
  if (!isHere || jump.length > 0) return true;
  const socket = dialTcp({ host, port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.on('error', () => undefined).destroy();
  }
}

async function wakeUp(
  session: Session,
  deployment: string,
  { name }: Machine,
  { signal, ...inputs }: InputOptions & { readonly signal: AbortSignal },
): Promise<void> {
  await using reach = await openReach(session, deployment, inputSource(session, inputs));
  const machine = oneMachine(reach.state, name);
  await reach.use(machine, { signal, connectTimeout: 30_000 }, () => Promise.resolve());
}
