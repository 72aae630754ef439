import type { Output } from '../io.ts';

const full = new WeakMap<Output, Promise<void>>();

/** Writes; answers a promise while the output takes no more. One that is closed takes everything. */
export function writeTo(output: Output, bytes: Buffer | string): Promise<void> | undefined {
  if (output.write(bytes) || !output.writable) return undefined;
  const known = full.get(output);
  if (known !== undefined) return known;
  const drained = new Promise<void>((resolve) => {
    const events = ['drain', 'error', 'close'] as const;
    function free(): void {
      for (const name of events) output.off(name, free);
      full.delete(output);
      resolve();
    }
    for (const name of events) output.on(name, free);
  });
  full.set(output, drained);
  return drained;
}
