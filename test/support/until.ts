import { setTimeout as delay } from 'node:timers/promises';

/** Waits for a condition, looking again every 5 ms; the test's own limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5);
}
