import type { Clock } from '../../clock.ts';
import type { Fact, OperationKind } from '../../fact.ts';
import type { DeploymentState } from '../../api/deployment-state.ts';
import type { Output } from '../io.ts';
import { apiCallsLine } from './api-calls.ts';
import { frame } from './frame.ts';
import { liveArea } from './live-area.ts';
import type { Renderer } from './renderer.ts';
import type { Style } from './style.ts';

/** Milliseconds between two drawings. */
const REDRAW = 100;

/** Levels, services and machines live at the end of a terminal, redrawn about ten times a second. */
export function ttyRenderer(options: {
  readonly output: Output;
  readonly style: Style;
  readonly clock: Pick<Clock, 'now'>;
  readonly kind: OperationKind;
  /** Epoch milliseconds; default: now. */
  readonly startedAt?: number | undefined;
  /** Show what scripts print, and calls of APIs, above the live lines. */
  readonly verbose: boolean;
}): Renderer {
  const { output, style, clock, kind, verbose } = options;
  const startedAt = options.startedAt ?? clock.now();
  const area = liveArea(output);
  const since = new Map<string, number>();
  let current: DeploymentState | undefined;
  let timer: NodeJS.Timeout | undefined;

  return {
    event(event, state) {
      current = state;
      switch (event.type) {
        case 'fact':
          noteFact(event.fact);
          break;
        case 'step-began':
          since.set(event.machine, clock.now());
          break;
        case 'output':
          if (verbose)
            area.persist(
              event.lines.map((line) => `${style.dim(`${event.machine} ${event.step} |`)} ${line}`),
            );
          break;
        case 'warning':
          area.persist([`warning: ${event.message}`]);
          break;
        case 'api-calls':
          if (verbose) area.persist([apiCallsLine(event)]);
          break;
        default:
          event satisfies never;
      }
      timer ??= setInterval(draw, REDRAW);
    },
    past(event, state) {
      current = state;
      if (event.type === 'fact') noteFact(event.fact);
      timer ??= setInterval(draw, REDRAW);
    },
    note(message) {
      area.persist([message]);
      draw();
    },
    finish(result) {
      clearInterval(timer);
      draw();
      area.end({ keep: result !== null && (result.outcome !== 'succeeded' || kind === 'down') });
    },
  };

  function noteFact(fact: Fact): void {
    for (const machine of machinesOf(fact)) since.set(machine, fact.at);
  }

  function draw(): void {
    if (current === undefined) return;
    const { rows = 24, columns = 80 } = output;
    area.draw(
      frame(current, {
        kind,
        style,
        rows,
        columns,
        startedAt,
        now: clock.now(),
        since: (name) => since.get(name),
      }),
    );
  }
}

function machinesOf(fact: Fact): readonly string[] {
  if (fact.type === 'launch-requested') return fact.batch.machines.map(({ name }) => name);
  if (fact.type === 'terminate-requested') return fact.machines;
  return 'machine' in fact ? [fact.machine] : [];
}
