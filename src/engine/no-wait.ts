import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { halfDown } from './plan-record.ts';
import { check, prepare } from './prepare.ts';
import { providersNeeded } from './providers-needed.ts';
import type { Running } from './run-operation.ts';

/**
 * Asks for the machines that the open level (the lowest that is not ready as the plan says) still lacks, until its
 * providers have given or refused them, and leaves the rest to the next `up`. Succeeds unless a service has to do
 * without more machines than it can.
 */
export async function askForMachines(
  running: Running,
  plan: Plan,
): Promise<{ readonly succeeded: boolean; readonly worked: boolean }> {
  const { state } = running.journal;
  await running.journal.commit(halfDown(state));
  const goal = { kind: 'ask', plan } as const;
  if (!running.hasWork(goal)) return { succeeded: true, worked: false };
  await running.providers.open(providersNeeded(state));
  await check(running, plan);
  await prepare(running, plan);
  await running.converge(goal);
  return { succeeded: canBeReady(state), worked: true };
}

function canBeReady({ tallies }: DeploymentState): boolean {
  return [...tallies.services.values()].every(({ min, max, unreachable }) => max - unreachable >= min);
}
