/** How a service is scaled: what its plan says of it, and the machines that it goes without. */
interface Scaled {
  readonly planned: { readonly min: number; readonly max: number };
  readonly count: { readonly min: number; readonly max: number };
  /** Names of machines. */
  readonly without: readonly string[];
}

/** `scaled; the plan says 2; without web-1`. */
export function scaledWords({ planned, count, without }: Scaled): string {
  const { min, max } = planned;
  const isAsMany = min === count.min && max === count.max;
  const says = min === max ? `${max}` : `${min} to ${max}`;
  return [
    'scaled',
    ...(isAsMany ? [] : [`the plan says ${says}`]),
    ...(without.length === 0 ? [] : [`without ${without.join(', ')}`]),
  ].join('; ');
}
