import { systemClock } from '../clock.ts';
import { listDeployments, withStore } from './deployments.ts';

/** Milliseconds between two looks. */
const INTERVAL = 250;

/** Resolves when a deployment of this name is recorded, or after `timeout` milliseconds. */
export async function untilRecorded(
  directory: string,
  name: string,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<void> {
  const deadline = systemClock.now() + timeout;
  for (;;) {
    const known = await withStore(directory, listDeployments);
    const left = deadline - systemClock.now();
    if (left <= 0 || known.some((deployment) => deployment.name === name)) return;
    await systemClock.sleep(Math.min(INTERVAL, left), { signal });
  }
}
