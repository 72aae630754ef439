import type { LevelStatus, MachineStatus, StatusDocument, GroupState } from '../../api/deployment-state.ts';
import { displayPath } from '../../api/display-path.ts';
import { formatDuration, parseDuration } from '../../duration.ts';
import { UsageError } from '../../errors.ts';
import type { MachineState } from '../../machine.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { print, printJson } from '../context.ts';
import { inputsOf } from '../given-inputs.ts';
import { countdown } from '../lifetime.ts';
import { givenName, withState } from '../open-here.ts';
import { countOf } from '../render/happening.ts';
import { hang } from '../render/hang.ts';
import { scaledWords } from '../render/scaled-words.ts';
import type { Style } from '../render/style.ts';
import { styleOf } from '../render/style.ts';
import { untilStopped } from '../stopping.ts';

/** Exit code 0 when the deployment is ready or degraded, else 1. */
export const statusCommand: Command = (context) =>
  withState(context, (opened) =>
    untilStopped(context.io, async (signal) => {
      const { io, flags, args, options } = context;
      const deployment = await opened.deployment(givenName(context, args[0]));
      const refresh = options.flag('refresh');
      const limit = refresh ? limitOf(context) : undefined;
      const found = await deployment.status({ refresh, limit, ...inputsOf(context), signal });
      const document = displayed(found, io.cwd);
      if (flags.json) printJson(context, document);
      else {
        const style = styleOf(io.stdout, io.env, flags);
        const broken = document.operation?.endedAt === null && (await deployment.isBroken());
        print(context, statusText(document, { now: Date.now(), cwd: io.cwd, style, broken }));
      }
      return document.state === 'ready' || document.state === 'degraded' ? 0 : 1;
    }),
  );

/** With the plan's path as people like to read it. */
export function displayed(document: StatusDocument, cwd: string): StatusDocument {
  return { ...document, plan: document.plan === null ? null : displayPath(document.plan, cwd) };
}

function limitOf({ options }: Context): number | undefined {
  const written = options.text('limit');
  if (written === undefined) return undefined;
  const limit = parseDuration(written);
  if (limit !== undefined) return limit;
  throw new UsageError(
    `Cannot use --limit "${written}": it is not a duration`,
    'Write it like 500ms, 10s or 1m.',
  );
}

interface TextOptions {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly cwd: string;
  readonly style: Style;
  /** The operation is recorded as under way, but its process is gone. */
  readonly broken: boolean;
}

/** Status for people. */
export function statusText(document: StatusDocument, { now, cwd, style, broken }: TextOptions): string {
  const { deployment, state, plan, operation, levels, expiresAt } = document;
  const lines = [`${style.bold(deployment)}  ${coloured(state, style)}${plan === null ? '' : `  ${plan}`}`];
  if (operation !== null) {
    const { kind, owner, outcome, startedAt, endedAt } = operation;
    const underWay = broken ? 'broke off, its process is gone, began' : 'under way, began';
    const end = outcome === null || endedAt === null ? underWay : `${outcome}, ended`;
    lines.push(`${kind} by ${owner}: ${end} ${age(endedAt ?? startedAt, now)} ago`);
    if (broken || outcome === 'failed' || outcome === 'interrupted') lines.push(...pendingLines(levels));
  }
  if (expiresAt !== null && state !== 'terminated') lines.push(endLine(Date.parse(expiresAt)));
  const machines = levels.flatMap(({ services }) => services.flatMap((service) => service.machines));
  const widths = columnWidths(machines);
  for (const level of levels) {
    lines.push('', `${style.bold(level.name)}  ${coloured(level.state, style)}`);
    for (const service of level.services) {
      const { name, ready, count, min, override } = service;
      const enough = min === count ? '' : ` (at least ${min})`;
      const scaled =
        override === null ? '' : ` (${scaledWords({ ...override, count: { min, max: count } })})`;
      lines.push(
        `  ${name}  ${ready} of ${count} ready${enough}${scaled}${service.state === 'ready' ? '' : `, ${coloured(service.state, style)}`}`,
      );
      for (const machine of service.machines) lines.push(...machineLines(machine));
    }
  }
  return lines.join('\n');

  function endLine(end: number): string {
    const text = countdown(end, now);
    return end > now ? text : style.bad(text);
  }

  function machineLines(machine: MachineStatus): readonly string[] {
    const state = coloured(machine.state, style) + ' '.repeat(widths.state - machine.state.length);
    const address = (machine.address ?? '-').padEnd(widths.address);
    const line = `    ${machine.name.padEnd(widths.name)}  ${state}  ${address}  ${age(machine.updatedAt, now)}`;
    if (machine.failure === null) return [line];
    const { step, message, logPath } = machine.failure;
    const failure = `      ${style.bad(`${step} failed: ${hang(message, 8)}`)}`;
    return logPath === null ? [line, failure] : [line, failure, `      log: ${displayPath(logPath, cwd)}`];
  }
}

/** What an operation that is over did not begin. */
function pendingLines(levels: readonly LevelStatus[]): readonly string[] {
  const parts = levels.flatMap(({ name, state, services }) => {
    const machines = services.flatMap((service) => service.machines);
    const pending = machines.filter((machine) => machine.state === 'pending').length;
    if (pending === 0) return [];
    return [state === 'pending' ? name : `${name} (${pending} of ${countOf(machines.length, 'machine')})`];
  });
  return parts.length === 0 ? [] : [`pending: ${parts.join(', ')}`];
}

function columnWidths(machines: readonly MachineStatus[]) {
  const widths = { name: 0, state: 0, address: 0 };
  for (const { name, state, address } of machines) {
    widths.name = Math.max(widths.name, name.length);
    widths.state = Math.max(widths.state, state.length);
    widths.address = Math.max(widths.address, address?.length ?? 1);
  }
  return widths;
}

function age(time: string, now: number): string {
  return formatDuration(Math.max(0, now - Date.parse(time)));
}

function coloured(state: GroupState | MachineState, style: Style): string {
  switch (state) {
    case 'ready':
      return style.good(state);
    case 'failed':
    case 'lost':
    case 'degraded':
    case 'stopped':
      return style.bad(state);
    case 'terminated':
    case 'pending':
      return style.dim(state);
    case 'starting':
    case 'launching':
    case 'connecting':
    case 'bootstrapping':
    case 'verifying':
    case 'stopping':
    case 'terminating':
      return style.busy(state);
    default:
      return state satisfies never;
  }
}
