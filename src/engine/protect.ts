import { UsageError } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { leaversNamed } from './departures.ts';
import type { Forecast } from './difference.ts';
import { forecast } from './forecast.ts';
import type { Fingerprint } from './made.ts';

/** Names of machines that exist and whose service is protected, of these. `plan`: what says so, else the recorded one. */
export function protectedAmong(
  machines: Iterable<string>,
  state: DeploymentState,
  plan: Plan | null = null,
): readonly string[] {
  const isProtected = protection(state, plan);
  return [...machines].filter((name) => {
    const machine = state.machines.get(name);
    if (machine === undefined || machine.stage === 'none' || machine.stage === 'gone') return false;
    return isProtected(machine.service);
  });
}

/** Throws `UsageError` when one of these machines is protected. `doing`: `terminate`, `replace`. */
export function refuseProtected(
  doing: string,
  machines: Iterable<string>,
  { state, plan = null }: { readonly state: DeploymentState; readonly plan?: Plan | null },
): void {
  const names = protectedAmong(machines, state, plan);
  if (names.length === 0) return;
  const services = [...new Set(names.map((name) => `"${state.machines.get(name)?.service ?? ''}"`))];
  const which =
    services.length === 1 ? `service ${services.join()} is` : `services ${services.join(', ')} are`;
  throw new UsageError(
    `Cannot ${doing} ${listed(names)}: ${which} protected`,
    'Add --force-protected to do it all the same.',
  );
}

/** Throws `UsageError` when a `down`, or one with `only`, would terminate protected machines. */
export function refuseDown(state: DeploymentState, only: Iterable<string> | undefined): void {
  refuseProtected('terminate', only === undefined ? state.machines.keys() : leaversNamed(only, state), {
    state,
  });
}

/** Throws `UsageError` when an `up` with this plan would, as far as can be told, terminate or replace protected machines. */
export function refuseUp(plan: Plan, state: DeploymentState, fingerprint: Fingerprint): void {
  const isProtected = protection(state, plan);
  const machines = [...state.machines.values()];
  if (!machines.some(({ service, stage }) => stage !== 'gone' && isProtected(service))) return;
  refuseForecast(forecast(plan, state, { fingerprint, retired: new Map() }), plan, state);
}

/** Throws `UsageError` when what is foretold of an `up` terminates or replaces protected machines. */
export function refuseForecast(
  { differences }: Pick<Forecast, 'differences'>,
  plan: Plan,
  state: DeploymentState,
): void {
  const named = (wanted: 'terminate' | 'replace'): readonly string[] =>
    differences.flatMap(({ machine, action, begun }) => (action === wanted && !begun ? [machine] : []));
  refuseProtected('terminate', named('terminate'), { state, plan });
  refuseProtected('replace', named('replace'), { state, plan });
}

/** What a plan says of its services, and the recorded one of those that it does not have. */
function protection(state: DeploymentState, plan: Plan | null): (service: string) => boolean {
  const recorded = (state.plan?.levels ?? []).flatMap(({ services }) => services);
  const known = new Map(recorded.map(({ name, protect = false }) => [name, protect]));
  for (const { name, protect } of plan === null ? [] : servicesOf(plan)) known.set(name, protect);
  return (service) => known.get(service) ?? false;
}

const LISTED = 20;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED).map((name) => `"${name}"`);
  const rest = names.length - shown.length;
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`;
}
