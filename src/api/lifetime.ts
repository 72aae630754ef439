import { UsageError } from '../errors.ts';

/** Ten years, in milliseconds. */
const LONGEST = 3_650 * 86_400_000;

/** Throws `UsageError` for a time to live that is none, or longer than ten years. */
export function mustLast(milliseconds: number): void {
  if (milliseconds > 0 && milliseconds <= LONGEST) return;
  throw new UsageError(
    `Cannot let a deployment last ${milliseconds} milliseconds: it lasts more than none and at most ten years`,
  );
}
