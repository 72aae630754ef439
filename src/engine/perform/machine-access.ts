import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Access, Addresses, JumpHost, Machine, SshAccess } from '../../machine.ts';
import type { SshOptions } from '../../plan/plan.ts';
import type { Scope, Template } from '../../plan/template.ts';
import { TemplateError, render } from '../../plan/template.ts';
import { SSH_SHAPES, isSshText, parseJump, parsePort, parseTrust } from '../../ssh-options.ts';
import type { SshText, WrittenHost } from '../../ssh-options.ts';
import type { PerformContext } from './context.ts';

export interface Reached {
  /** What the provider tells. */
  readonly access: Access;
  readonly addresses: Addresses;
  /** The host key that this instance showed before, where the plan still says the same of it. */
  readonly pinned: string | null;
}

/**
 * The provider's access with what the plan says under `ssh`. A host key that was accepted stays, whatever becomes of
 * the machine's address; before that it is the one that the launch gave. Throws `TemplateError`.
 */
export function accessOf(
  { access, addresses, pinned }: Reached,
  machine: Machine,
  context: PerformContext,
): Access {
  if (access.kind !== 'ssh') return access;
  const service = context.service(machine.service);
  const { ssh } = service;
  const text = createReader(ssh, context.scopes.connect(service, machine));
  const user = text('user') ?? access.user;
  const trust = parseTrust(text('hostKey') ?? '');
  const { jumpHost = writtenJump } = context.provider(machine.provider);
  const jump = parseJump(text('jump') ?? '')?.map((hop) => jumpHost(hop, user));
  const { agent: providers, onlyNamedKeys, ...others } = access;
  const written = agentOf(ssh.agent, context.scopes.connect(service, machine));
  const agent = written ?? providers;
  return {
    ...others,
    host: hostOf(ssh.address, access, addresses),
    port: parsePort(text('port') ?? '') ?? access.port,
    user,
    privateKey: keyPath(text('privateKey'), ssh) ?? access.privateKey,
    hostKey: trust === undefined ? (access.hostKey ?? pinned ?? machine.givenKey) : pinned,
    ...(agent && { agent }),
    ...(written === undefined && onlyNamedKeys && { onlyNamedKeys }),
    ...(trust && { trust }),
    ...(jump && { jump }),
  };
}

function writtenJump({ user, host, port }: WrittenHost, login: string): JumpHost {
  return { host, port: port ?? 22, user: user ?? login };
}

/** Reads the keys of `ssh` that are written, and refuses what they must not render to. */
function createReader(ssh: SshOptions, scope: Scope): (key: SshText) => string | undefined {
  return (key) => {
    const written: Template | number | undefined = ssh[key];
    if (written === undefined) return undefined;
    const text = typeof written === 'number' ? String(written) : render(written, scope);
    if (!isSshText(key, text)) throw new TemplateError(`"ssh.${key}" is not ${SSH_SHAPES[key]}: "${text}"`);
    return text;
  };
}

/** An absolute path: `~/` is the home of whoever runs this, others are relative to the file that mentions them. */
function keyPath(path: string | undefined, { privateKeyDirectory }: SshOptions): string | undefined {
  if (path === undefined) return undefined;
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(privateKeyDirectory ?? '', path);
}

/** The agent that the plan names; an empty text is for none, whatever the provider says. */
function agentOf(written: SshOptions['agent'], scope: Scope): string | undefined {
  if (written === undefined) return undefined;
  const text = typeof written === 'boolean' ? String(written) : render(written, scope).trim();
  if (text === 'true') return 'SSH_AUTH_SOCK';
  return text === 'false' ? '' : keyPath(text, {});
}

function hostOf(which: SshOptions['address'], access: SshAccess, { publicIp, privateIp }: Addresses): string {
  if (which === undefined) return access.host;
  const host = which === 'public' ? publicIp : privateIp;
  if (host === null)
    throw new TemplateError(`"ssh.address" is "${which}", and the machine has no ${which} address`);
  return host;
}
