import type { FleetEvent, FleetResult, MachineOutcome, MachineResult } from '../../api/fleet-work.ts';
import type { JsonLine } from './json.ts';

/** What JSON Lines tell of work that ended. */
export type JsonValue<T> = (value: T) => Readonly<Record<string, unknown>>;

/** An event of work on machines as it is printed. */
export function fleetLine<T>(event: FleetEvent<T>, valueOf: JsonValue<T>, now: number): JsonLine {
  const at = new Date(now).toISOString();
  if (event.type !== 'ended') return { ...event, at };
  return { type: 'ended', at, ...resultOf(event, valueOf) };
}

function resultOf<T>(
  { machine, outcome, milliseconds }: MachineResult<T>,
  valueOf: JsonValue<T>,
): Readonly<Record<string, unknown>> {
  return { machine, outcome: outcome.kind, milliseconds, ...detailsOf(outcome, valueOf) };
}

function detailsOf<T>(outcome: MachineOutcome<T>, valueOf: JsonValue<T>): Readonly<Record<string, unknown>> {
  switch (outcome.kind) {
    case 'ended':
      return valueOf(outcome.value);
    case 'failed':
    case 'unreachable':
    case 'skipped':
      return { why: outcome.why };
    case 'timed-out':
      return { limit: outcome.limit };
    case 'interrupted':
      return {};
    default:
      return outcome satisfies never;
  }
}

/** The last line: whether it was done everywhere, and where it was not. */
export function fleetResultLine<T>(
  { machines, logs }: FleetResult<T>,
  {
    kind,
    outcome,
    failed,
  }: {
    readonly kind: string;
    readonly outcome: 'succeeded' | 'failed' | 'interrupted';
    readonly failed: readonly string[];
  },
): JsonLine {
  return { type: 'result', outcome, operation: kind, machines: machines.length, failed, logs };
}
