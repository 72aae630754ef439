import type { Clock } from '../../clock.ts';
import { formatDuration } from '../../duration.ts';
import type { Output } from '../io.ts';
import { apiCallsLine } from './api-calls.ts';
import type { Happening } from './happening.ts';
import { happenings, sentence } from './happening.ts';
import type { Renderer } from './renderer.ts';
import type { Style } from './style.ts';
import { createTimeline } from './timeline.ts';

/** More machines than this to which the same happened at about the same time share a line. */
const MOST_LINES = 20;
/** Milliseconds that count as the same time, in a deployment of few machines and of many. */
const TOGETHER = { few: 100, many: 1_000 } as const;

interface Line {
  readonly at: number;
  readonly happening: Happening;
}

/** One line per event, for logs and pipes; crowds are summarised per service. */
export function plainRenderer(options: {
  readonly output: Output;
  readonly style: Style;
  readonly clock: Pick<Clock, 'now'>;
  /** Epoch milliseconds; default: now. */
  readonly startedAt?: number | undefined;
  /** Show what scripts print, the steps' beginnings, and calls of APIs. */
  readonly verbose: boolean;
}): Renderer {
  const { output, style, clock, verbose } = options;
  const timeline = createTimeline(options.startedAt ?? clock.now());
  let waiting: Line[] = [];
  let timer: NodeJS.Timeout | undefined;

  return {
    event(event, state) {
      timeline.note(event, state);
      switch (event.type) {
        case 'fact':
          if (event.fact.type === 'operation-ended') return;
          for (const happening of happenings(event.fact, state, timeline.launchedAt)) {
            if (verbose || happening.tone !== 'detail') waiting.push({ at: event.fact.at, happening });
          }
          break;
        case 'step-began':
          break;
        case 'output':
          if (!verbose) return;
          flush();
          output.write(
            event.lines
              .map((line) => `${offset(clock.now())}  ${event.machine}  ${event.step} | ${line}\n`)
              .join(''),
          );
          return;
        case 'warning':
          flush();
          output.write(`${offset(clock.now())}  warning: ${event.message}\n`);
          return;
        case 'api-calls':
          if (!verbose) return;
          flush();
          output.write(`${offset(clock.now())}  ${apiCallsLine(event)}\n`);
          return;
        default:
          event satisfies never;
      }
      if (waiting.length > 0)
        timer ??= setTimeout(flush, state.machines.size > MOST_LINES ? TOGETHER.many : TOGETHER.few);
    },
    past: timeline.note,
    note(message) {
      flush();
      output.write(`${message}\n`);
    },
    finish: flush,
  };

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0) return;
    const lines = summarised(waiting);
    waiting = [];
    output.write(lines.map((line) => `${toText(line)}\n`).join(''));
  }

  function toText({ at, happening }: Line): string {
    const { subject, tone } = happening;
    const text = sentence(happening);
    const shown = tone === 'good' ? style.good(text) : tone === 'bad' ? style.bad(text) : text;
    return `${offset(at)}  ${style.bold(subject)}  ${shown}`;
  }

  function offset(at: number): string {
    return style.dim(formatDuration(Math.max(0, at - timeline.startedAt)).padStart(6));
  }
}

/** Lines in order; where more than 20 machines of a service share words, one line stands for them, as of the last. */
function summarised(lines: readonly Line[]): readonly Line[] {
  const crowds = new Map<string, Line[]>();
  for (const line of lines) {
    const key = crowdOf(line);
    const crowd = crowds.get(key);
    if (crowd === undefined) crowds.set(key, [line]);
    else crowd.push(line);
  }
  return lines.flatMap((line) => {
    const key = crowdOf(line);
    const crowd = crowds.get(key) ?? [];
    if (key === '' || crowd.length <= MOST_LINES) return [line];
    return crowd.at(-1) === line ? summary(crowd) : [];
  });
}

function crowdOf({ happening: { service, words } }: Line): string {
  return service === null ? '' : `${service} ${words}`;
}

function summary(crowd: readonly Line[]): readonly Line[] {
  const [first] = crowd;
  const last = crowd.at(-1);
  if (first === undefined || last === undefined) return [];
  const { service, words, tone } = first.happening;
  const slowest = crowd.reduce<number | null>(
    (most, { happening }) => (happening.took === null ? most : Math.max(most ?? 0, happening.took)),
    null,
  );
  const took = slowest === null ? '' : `, the slowest in ${formatDuration(slowest)}`;
  const text = `${words}: ${crowd.length} machines (${first.happening.subject} … ${last.happening.subject})${took}`;
  return [{ at: last.at, happening: { subject: service ?? '', service, words: text, took: null, tone } }];
}
