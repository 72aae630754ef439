import { ConnectionError } from '../../connection/connection.ts';
import type { Connection } from '../../connection/connection.ts';
import type { Machine } from '../../machine.ts';
import type { Check, Service } from '../../plan/plan.ts';
import type { Scope, Template } from '../../plan/template.ts';
import { TemplateError, render } from '../../plan/template.ts';
import type { Cancel, PerformContext } from './context.ts';
import { statusOf } from './http-status.ts';
import { scriptInput } from './script-input.ts';
import { title } from './supervise.ts';
import { haveLookedAt, targetOf } from './use-connection.ts';

/** One check of one machine. `output` makes the sink of one try. */
export interface CheckTry {
  readonly check: Check;
  readonly machine: Machine;
  readonly service: Service;
  readonly scope: Scope;
  output(): { write(chunk: Buffer): void; end(): void };
}

/** Messages are half sentences that say what was seen. */
export type TryEnd =
  | { readonly kind: 'passed' }
  | { readonly kind: 'not-yet'; readonly message: string; readonly exitCode: number | null }
  | { readonly kind: 'fatal'; readonly message: string; readonly exitCode: number };

/** Tries a check once. A connection that breaks is a try that did not pass. */
export async function tryCheck(work: CheckTry, context: PerformContext, { signal }: Cancel): Promise<TryEnd> {
  const target = targetOf(work.machine, context);
  try {
    return await context.wiring.connections.use(target, { signal }, (connection) =>
      tryOver(connection, work, context, { signal }),
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ConnectionError)) throw error;
    await haveLookedAt(target.key, context, { signal });
    return notYet(error.message);
  }
}

function tryOver(
  connection: Connection,
  work: CheckTry,
  context: PerformContext,
  cancel: Cancel,
): Promise<TryEnd> {
  switch (work.check.kind) {
    case 'script':
      return tryScript(connection, { ...work, check: work.check }, context, cancel);
    case 'tcp':
      return tryTcp(connection, { ...work, check: work.check }, cancel);
    case 'http':
      return tryHttp(connection, { ...work, check: work.check }, cancel);
  }
}

type Of<Kind extends Check['kind']> = CheckTry & { readonly check: Extract<Check, { kind: Kind }> };

async function tryScript(
  connection: Connection,
  work: Of<'script'>,
  context: PerformContext,
  { signal }: Cancel,
): Promise<TryEnd> {
  const { check, machine, service, scope } = work;
  const sink = work.output();
  try {
    const input = { ...scriptInput(check.script, machine, service, scope, context), files: [] };
    const end = await context.wiring.runner.attempt(connection, input, { signal, onOutput: sink.write });
    if (end.kind === 'interrupted') return notYet(`the script was interrupted: ${end.message}`);
    const { exitCode } = end;
    if (exitCode === 0) return { kind: 'passed' };
    if (check.fatalExitCodes.includes(exitCode))
      return {
        kind: 'fatal',
        exitCode,
        message: `${title('verify')} "${check.script.label}" exited with ${exitCode}, which is fatal`,
      };
    return { kind: 'not-yet', message: `the last try exited with ${exitCode}`, exitCode };
  } finally {
    sink.end();
  }
}

async function tryTcp(
  connection: Connection,
  { check, machine, scope }: Of<'tcp'>,
  cancel: Cancel,
): Promise<TryEnd> {
  const target = { host: hostOf(check.host, machine, scope), port: portOf(check.port, scope) };
  const stream = await connection.forward(target, cancel);
  stream.destroy();
  return { kind: 'passed' };
}

async function tryHttp(
  connection: Connection,
  { check, machine, scope }: Of<'http'>,
  cancel: Cancel,
): Promise<TryEnd> {
  const target = { host: hostOf(check.host, machine, scope), port: portOf(check.port, scope) };
  const stream = await connection.forward(target, cancel);
  const answer = await statusOf(stream, { ...target, path: render(check.path, scope) }, cancel);
  if (answer.kind === 'broken') return notYet(`the last answer was not HTTP: ${answer.message}`);
  if (check.status.some(([from, to]) => answer.status >= from && answer.status <= to))
    return { kind: 'passed' };
  return notYet(`the last answer had status ${answer.status}`);
}

function notYet(message: string): TryEnd {
  return { kind: 'not-yet', message, exitCode: null };
}

function hostOf(host: Template | null, machine: Machine, scope: Scope): string {
  return host === null ? (machine.addresses?.hostname ?? 'localhost') : render(host, scope);
}

function portOf(template: Template, scope: Scope): number {
  const text = render(template, scope).trim();
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new TemplateError(`"${text}" is not a port (1 to 65535)`);
  return port;
}
