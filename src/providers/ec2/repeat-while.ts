import type { Clock } from '../../clock.ts';
import type { Cancel } from '../provider.ts';
import { Ec2Error } from './api.ts';

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

/**
 * Repeats work, with growing pauses, while EC2 answers it with one of these codes. Rejects with that answer when it is
 * still so after `limit` milliseconds, with everything else at once.
 */
export async function repeatWhile<T>(
  codes: readonly string[],
  limit: number,
  clock: Clock,
  work: () => Promise<T>,
  cancel: Cancel,
): Promise<T> {
  const deadline = clock.now() + limit;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
    try {
      return await work();
    } catch (error) {
      const left = deadline - clock.now();
      if (!hasCode(error, codes) || left <= 0) throw error;
      await clock.sleep(Math.min(pause, left), cancel);
    }
  }
}

/** What EC2 says of something that is not there any more. */
export async function unlessGone(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Ec2Error && error.code.endsWith('.NotFound'))) throw error;
  }
}

export function hasCode(error: unknown, codes: readonly string[]): error is Ec2Error {
  return error instanceof Ec2Error && codes.includes(error.code);
}
