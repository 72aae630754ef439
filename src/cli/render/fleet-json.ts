import type { FleetEvent, FleetResult, MachineOutcome, MachineResult } from '../../api/fleet-work.ts';
import type { JsonLine } from './json.ts';

type Details = Readonly<Record<string, unknown>>;

/** What JSON Lines tell of work on machines. */
export interface JsonWords<T> {
  /** Of work that ended. */
  readonly json: (value: T) => Details;
  /** Of all that began, once each. */
  readonly printed?: ((machine: string) => Details) | undefined;
}

/** An event of work on machines as it is printed. */
export function fleetLine<T>(event: FleetEvent<T>, words: JsonWords<T>, now: number): JsonLine {
  const at = new Date(now).toISOString();
  if (event.type !== 'ended') return { ...event, at };
  return { type: 'ended', at, ...resultOf(event, words) };
}

function resultOf<T>(
  { machine, outcome, milliseconds }: MachineResult<T>,
  { json, printed }: JsonWords<T>,
): Details {
  const began = outcome.kind !== 'unreachable' && outcome.kind !== 'skipped';
  return {
    machine,
    outcome: outcome.kind,
    milliseconds,
    ...detailsOf(outcome, json),
    ...(began && printed?.(machine)),
  };
}

function detailsOf<T>(outcome: MachineOutcome<T>, valueOf: JsonWords<T>['json']): Details {
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
