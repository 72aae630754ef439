import type { OperationEvent } from '../../api/operation.ts';
import type { Fact } from '../../fact.ts';
import type { DeploymentState } from '../../api/deployment-state.ts';
import type { StepKind } from '../../step.ts';

/** Where the time of an operation goes. Times are epoch milliseconds, durations milliseconds. */
export interface Timeline {
  note(event: OperationEvent, state: DeploymentState): void;
  /** When the launch of a machine was asked for in this operation. */
  launchedAt(machine: string): number | undefined;
  readonly startedAt: number;
  /** In the order in which they began. */
  levels(): readonly LevelTime[];
}

interface LevelTime {
  readonly name: string;
  readonly took: number;
  readonly slowest: SlowStep | null;
}

interface SlowStep {
  readonly machine: string;
  readonly step: StepKind;
  readonly took: number;
}

interface Span {
  readonly from: number;
  to: number;
  slowest: SlowStep | null;
}

export function createTimeline(startedAt: number): Timeline {
  const launches = new Map<string, number>();
  const spans = new Map<string, Span>();
  return {
    startedAt,
    launchedAt: (machine) => launches.get(machine),
    levels: () => [...spans].map(([name, { from, to, slowest }]) => ({ name, took: to - from, slowest })),
    note(event, state) {
      if (event.type === 'fact') noteFact(event.fact, state);
    },
  };

  function noteFact(fact: Fact, state: DeploymentState): void {
    if (fact.type === 'launch-requested') {
      for (const { name } of fact.batch.machines) {
        launches.set(name, fact.at);
        span(name, fact.at, state);
      }
    } else if (fact.type === 'machine-running') {
      took(fact.machine, 'launch', launches.get(fact.machine) ?? fact.at, fact.at, state);
    } else if (fact.type === 'step-succeeded' || fact.type === 'step-failed') {
      took(fact.machine, fact.step, fact.startedAt, fact.at, state);
    }
  }

  function took(machine: string, step: StepKind, from: number, to: number, state: DeploymentState): void {
    const entry = span(machine, from, state);
    if (entry === undefined) return;
    entry.to = Math.max(entry.to, to);
    if (entry.slowest === null || to - from > entry.slowest.took)
      entry.slowest = { machine, step, took: to - from };
  }

  function span(machine: string, at: number, state: DeploymentState): Span | undefined {
    const level = state.machines.get(machine)?.level;
    if (level === undefined) return undefined;
    const known = spans.get(level) ?? { from: at, to: at, slowest: null };
    spans.set(level, known);
    return known;
  }
}
