import type { MachineState } from '../machine.ts';

/** The state of a service, a level or a deployment. */
export type GroupState =
  | 'pending'
  | 'starting'
  | 'ready'
  | 'degraded'
  | 'failed'
  | 'stopping'
  | 'stopped'
  | 'terminating'
  | 'terminated';

const STEP_DUE: ReadonlySet<MachineState> = new Set([
  'pending',
  'launching',
  'connecting',
  'bootstrapping',
  'verifying',
]);

/** The state of a service's machines, of which at least `min` and at most `max` are asked for. */
export function serviceState(
  machines: readonly MachineState[],
  { min, max }: { readonly min: number; readonly max: number },
): GroupState {
  if (machines.length === 0) return 'ready';
  if (machines.every((state) => state === 'terminated')) return 'terminated';
  if (machines.includes('terminating')) return 'terminating';
  if (machines.every((state) => state === 'pending')) return 'pending';
  if (machines.every((state) => state === 'stopped')) return 'stopped';
  if (machines.includes('stopping')) return 'stopping';
  if (machines.some((state) => STEP_DUE.has(state))) return 'starting';
  const ready = machines.filter((state) => state === 'ready').length;
  if (ready >= max) return 'ready';
  if (ready >= min) return 'degraded';
  if (machines.some((state) => state === 'failed' || state === 'lost')) return 'failed';
  return machines.includes('terminated') ? 'degraded' : 'stopped';
}

const PRECEDENCE = [
  'terminating',
  'stopping',
  'starting',
  'stopped',
  'pending',
  'degraded',
  'ready',
] as const;

/**
 * The state of a level from its services, or of a deployment from its levels. `ended`: no operation is under way,
 * so that what is pending stays so and the parts that began decide. `leaving` false: what is terminated went for itself,
 * and the others stay.
 */
export function combinedState(
  parts: readonly GroupState[],
  { ended, leaving = true }: { readonly ended: boolean; readonly leaving?: boolean },
): GroupState {
  if (parts.includes('failed')) return 'failed';
  if (parts.includes('terminated')) {
    const others = parts.filter((part) => part !== 'terminated');
    if (others.length === 0) return 'terminated';
    if (leaving) return 'terminating';
    const rest = combinedState(others, { ended });
    return rest === 'ready' ? 'degraded' : rest;
  }
  const begun = parts.filter((part) => part !== 'pending');
  if (begun.length === 0) return parts.length === 0 ? 'ready' : 'pending';
  const counted: readonly GroupState[] =
    ended || begun.length === parts.length ? begun : [...begun, 'starting'];
  return PRECEDENCE.find((state) => counted.includes(state)) ?? 'ready';
}
