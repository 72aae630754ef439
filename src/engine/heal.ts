import type { FactBody, RevisionKind } from '../fact.ts';
import type { Machine } from '../machine.ts';
import type { Service } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** Turns what failed on a machine into the next least that may heal it. */
export interface Healer {
  /** The facts of a step's end, with what is done next in place of giving up. */
  after(facts: readonly FactBody[]): readonly FactBody[];
}

/** One round, from the least to the most that is done to a machine. */
const LADDER = ['bootstrap', 'reboot', 'replace'] as const satisfies readonly RevisionKind[];

/**
 * Heals machines of one repair: each failure takes the machine one rung up the ladder, as often as the service's
 * `repair.attempts` rounds last. A machine that cannot be reached begins at the reboot.
 */
export function createHealer(
  state: DeploymentState,
  serviceOf: (machine: Machine) => Service | undefined,
): Healer {
  const climbed = new Map<string, number>();

  function next(machine: Machine, isReached: boolean): RevisionKind | null {
    const service = serviceOf(machine);
    if (service === undefined || machine.id === null) return null;
    let rung = climbed.get(machine.name) ?? 0;
    const isOut = (to: (typeof LADDER)[number] | undefined): boolean =>
      to === 'bootstrap' ? !isReached || service.bootstrap === null : to === 'replace' && service.protect;
    while (isOut(LADDER[rung % LADDER.length])) rung += 1;
    if (rung >= LADDER.length * service.repair.attempts) return null;
    climbed.set(machine.name, rung + 1);
    return LADDER[rung % LADDER.length] ?? null;
  }

  function heal(fact: Extract<FactBody, { type: 'step-failed' }>): readonly FactBody[] {
    const machine = state.machines.get(fact.machine);
    const { step, failure } = { step: fact.step, failure: fact.failed.failure };
    if (machine?.generation !== fact.generation || step === 'teardown' || step === 'terminate') return [fact];
    if (failure.reason === 'lost' || failure.reason === 'peers') return [fact];
    // The provider could not be asked: that is no fault of the machine, and what it holds would be lost.
    if (step === 'launch' && failure.reason === 'error') return [fact];
    const to = next(machine, step === 'verify' || step === 'bootstrap');
    if (to === null) return [fact];
    const failed = { ...fact.failed, gaveUp: false };
    const { machine: name, generation } = fact;
    return [
      { ...fact, failed },
      { type: 'machine-revised', machine: name, generation, to, cause: failure.message },
    ];
  }

  return {
    after: (facts) =>
      facts.flatMap((fact) => (fact.type === 'step-failed' && fact.failed.gaveUp ? heal(fact) : [fact])),
  };
}
