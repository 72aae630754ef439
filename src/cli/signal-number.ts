import { constants } from 'node:os';

/** The number of a signal such as `KILL` on Linux and most others; 0 for one that is not known here. */
export function signalNumber(name: string | null): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return numbers[`SIG${name ?? ''}`] ?? 0;
}
