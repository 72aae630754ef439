import { readFileSync, readdirSync } from 'node:fs';
import { until } from './until.ts';

/** Process ids of the keepers of a state directory. */
export function keepersOf(stateDirectory: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const [, script = '', directory] = wordsOf(name, 'cmdline');
      return script.endsWith('keeper-main.js') && directory === stateDirectory;
    })
    .map(Number);
}

/** What is known of a process: its arguments, or its environment. */
export function wordsOf(pid: number | string, what: 'cmdline' | 'environ'): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8').split('\0');
  } catch {
    // It ended meanwhile.
    return [];
  }
}

/** Ends the keepers of a state directory. */
export async function endKeepers(stateDirectory: string): Promise<void> {
  for (const pid of keepersOf(stateDirectory)) process.kill(pid, 'SIGTERM');
  await until(() => keepersOf(stateDirectory).length === 0);
}
