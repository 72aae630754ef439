import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface CommandLines {
  stop(): Promise<readonly string[]>;
}

/**
 * Collects the command lines of all processes, those in containers too, again and again until it is stopped; its words
 * have spaces between. `pause`: milliseconds between two looks.
 */
export function watchCommandLines({ pause = 0 }: { readonly pause?: number } = {}): CommandLines {
  const seen = new Set<string>();
  const state = { over: false };
  async function watch(): Promise<void> {
    while (!state.over) {
      for (const name of readdirSync('/proc')) {
        if (!/^\d+$/.test(name)) continue;
        try {
          seen.add(readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' '));
        } catch {
          // It ended meanwhile.
        }
      }
      await delay(pause);
    }
  }
  const watching = watch();
  return {
    async stop() {
      state.over = true;
      await watching;
      return [...seen];
    },
  };
}
