import type { Clock } from '../../clock.ts';
import type { OperationEvent } from '../../api/operation.ts';
import type { Fact } from '../../fact.ts';
import { isSensitive, MASK } from '../../sensitive.ts';
import type { Output } from '../io.ts';
import type { Renderer } from './renderer.ts';

/**
 * One line of JSON Lines. `type` is `version` (the first line), a fact's type or `step-began`, `output`, `warning`,
 * `api-calls`, or `result` (the last line); `at` is a time in ISO 8601, and `deployment` a name. The other keys are those of the
 * fact or the event; times in them are ISO 8601 too, sensitive values are `***`.
 */
export type JsonLine = Readonly<Record<string, unknown>> & { readonly type: string };

/** Prints every event as a line of JSON. The caller prints the first line and the last. */
export function jsonRenderer(output: Output, clock: Pick<Clock, 'now'>): Renderer {
  const event: Renderer['event'] = (shown, state) => {
    writeJsonLine(output, eventLine(shown, { deployment: state.name, now: clock.now() }));
  };
  return {
    event,
    past: event,
    note: () => undefined,
    finish: () => undefined,
  };
}

export function writeJsonLine(output: Output, line: JsonLine): void {
  output.write(`${JSON.stringify(line)}\n`);
}

function eventLine(
  event: OperationEvent,
  { deployment, now }: { readonly deployment: string; readonly now: number },
): JsonLine {
  if (event.type === 'fact') return factLine(event.fact, deployment);
  const { type, ...rest } = event;
  return { type, at: new Date(now).toISOString(), deployment, ...rest };
}

/** A recorded fact as it is printed. */
export function factLine(fact: Fact, deployment: string): JsonLine {
  const { type, at, ...rest } = fact;
  return { type, at: new Date(at).toISOString(), deployment, ...(printable(rest) as object) };
}

const TIMES: ReadonlySet<string> = new Set(['at', 'startedAt', 'endedAt', 'retryAt', 'since']);

/** A copy without sensitive values, with times as people read them. */
function printable(value: unknown): unknown {
  if (isSensitive(value)) return MASK;
  if (Array.isArray(value)) return value.map(printable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      TIMES.has(key) && typeof inner === 'number' ? new Date(inner).toISOString() : printable(inner),
    ]),
  );
}
