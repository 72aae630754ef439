import { setMaxListeners } from 'node:events';
import { childSignal } from '../child-signal.ts';
import type { Clock } from '../clock.ts';
import type { FactBody } from '../fact.ts';
import type { Journal } from './journal.ts';
import { reconcile } from './reconcile.ts';
import type { Goal, Look, Reconciliation, Situation } from './situation.ts';
import type { Decision, Step } from './step.ts';
import type { RevisionBook } from './revision-book.ts';
import type { StepCancel } from './perform/context.ts';
import { subjectsOf } from './step.ts';

export interface EngineOptions {
  readonly goal: Goal;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly situation: Pick<Situation, 'batchLimit' | 'hasTeardown' | 'revise'>;
  readonly revisions: RevisionBook;
  /** The facts that a decision amounts to. */
  decide(decision: Decision): readonly FactBody[];
  /**
   * Performs a step whose causes are on disk, and answers how it ended. Expected failures are facts; it rejects when
   * it is cancelled, when the store fails, or because of a bug; the first such rejection cancels everything else.
   */
  perform(step: Step, cancel: StepCancel): Promise<readonly FactBody[]>;
}

/** Milliseconds for which a cancelled engine waits for the answers of calls that were made. */
const PATIENCE = 4_000;

/**
 * Asks what may start, starts it, and asks again after every change, until nothing is under way and nothing is due.
 * Once cancelled it starts nothing more and waits for what is under way. Answers how many steps it started.
 */
export async function converge(options: EngineOptions): Promise<number> {
  const { goal, journal, clock, signal } = options;
  const busy = new Set<string>();
  const bell = createBell();
  using cancel = childSignal(signal);
  const cancelled = cancel.signal;
  setMaxListeners(0, cancelled);
  let started = 0;
  let underWay = 0;
  let broken: { readonly error: unknown } | undefined;
  /** Epoch milliseconds of the next alarm, and the machines to look at then. */
  const alarm: { at: number | null; machines: string[]; silence(): void } = {
    at: null,
    machines: [],
    silence: () => undefined,
  };
  const patience = new AbortController();
  setMaxListeners(0, patience.signal);
  let stopWaiting = (): void => undefined;
  cancelled.addEventListener(
    'abort',
    () => {
      stopWaiting = clock.after(PATIENCE, () => patience.abort(cancelled.reason));
      bell.ring();
    },
    { once: true },
  );

  function fail(error: unknown): void {
    if (!cancelled.aborted) broken = { error };
    cancel.abort(error);
    bell.ring();
  }

  function take(machine: string): void {
    const service = journal.state.machines.get(machine)?.service;
    if (service !== undefined) options.revisions.take(service, machine);
  }

  function replaced(machine: string): void {
    const service = journal.state.machines.get(machine)?.service;
    if (service === undefined) return;
    options.revisions.forget(service, machine);
    options.revisions.replaced(service);
  }

  function begin(step: Step): void {
    const subjects = subjectsOf(step);
    if (step.kind === 'label') take(step.machine);
    for (const subject of subjects) busy.add(subject);
    started += 1;
    underWay += 1;
    journal
      .settled()
      .then(() => options.perform(step, { signal: cancelled, lenient: patience.signal }))
      .then((facts) => {
        for (const subject of subjects) busy.delete(subject);
        for (const fact of facts) if (fact.type === 'instance-condemned') replaced(fact.machine);
        const recorded = journal.commit(facts);
        bell.ring();
        return recorded;
      })
      .catch(fail)
      .finally(() => {
        underWay -= 1;
        bell.ring();
      });
  }

  function setAlarm({ wakeAt, sleeping }: Reconciliation): void {
    alarm.machines.push(...sleeping);
    if (wakeAt === null || (alarm.at !== null && alarm.at <= wakeAt)) return;
    alarm.silence();
    alarm.at = wakeAt;
    alarm.silence = clock.after(Math.max(0, wakeAt - clock.now()), () => {
      alarm.at = null;
      bell.ring();
    });
  }

  let look: Look = { kind: 'all' };
  journal.takeTouched();
  try {
    for (;;) {
      if (!cancelled.aborted) {
        const situation = {
          state: journal.state,
          look,
          busy,
          now: clock.now(),
          revisions: options.revisions,
          ...options.situation,
        };
        const found = reconcile(goal, situation);
        for (const one of found.seen) options.revisions.note(one.service, one.revisions);
        for (const one of found.decide) {
          if (one.kind === 'revise') take(one.revision.machine);
          if (one.kind === 'condemn') replaced(one.machine);
          journal.commit(options.decide(one)).catch(fail);
        }
        for (const step of found.start) begin(step);
        setAlarm(found);
        if (found.seen.length > 0) {
          journal.takeTouched();
          look = { kind: 'all' };
          continue;
        }
        if (found.decide.length > 0) {
          look = nextLook();
          continue;
        }
      }
      const mayWait = underWay > 0 || (alarm.at !== null && !cancelled.aborted);
      if (!mayWait) break;
      await bell.rung();
      look = nextLook();
    }
    await journal.settled();
  } finally {
    alarm.silence();
    stopWaiting();
  }
  if (broken !== undefined) throw broken.error;
  return started;

  function nextLook(): Look {
    const touched = journal.takeTouched();
    if (alarm.at === null) for (const name of alarm.machines.splice(0)) touched.machines.add(name);
    return { kind: 'touched', ...touched };
  }
}

/** Wakes a waiter one turn of the event loop after the first ring, so that what a turn brings is handled together. */
function createBell() {
  let rings = false;
  let wake: (() => void) | undefined;
  return {
    ring(): void {
      rings = true;
      wake?.();
    },
    async rung(): Promise<void> {
      if (!rings) await new Promise<void>((resolve) => (wake = resolve));
      await new Promise<void>((resolve) => setImmediate(resolve));
      rings = false;
      wake = undefined;
    },
  };
}
