import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Where a process runs, as far as its file locks reach. */
export interface Place {
  /** The computer's name; empty when it was not recorded. */
  readonly host: string;
  /** Names the running kernel, which containers share under names of their own; empty where it has no name. */
  readonly kernel: string;
}

let known: Place | undefined;

export function thisPlace(): Place {
  known ??= { host: hostname(), kernel: kernelName() };
  return known;
}

/** True when the kernel here knows of the file locks that are held there, or the computer was started again since. */
export function isThisPlace({ host, kernel }: Place): boolean {
  const here = thisPlace();
  return host === '' || host === here.host || (kernel !== '' && kernel === here.kernel);
}

function kernelName(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
