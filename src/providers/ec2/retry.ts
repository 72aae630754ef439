/** Longest time for which one call is repeated because of throttling, milliseconds. */
export const PATIENCE = 15 * 60_000;

/** How often a call that cannot be delivered is made. */
export const TRIES = 5;

const BASE = 200;
const CAP = 20_000;

/** Milliseconds to wait after that many failures in a row, at least 1: anything up to a bound that doubles. */
export function pauseAfter(failures: number, random: () => number): number {
  return random() * Math.min(CAP, BASE * 2 ** (failures - 1));
}
