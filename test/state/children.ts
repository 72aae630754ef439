import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

/** A process of its own that uses the built store; its lines are read one by one. */
export interface Child {
  readonly pid: number;
  /** The next line that it prints; undefined after its end. */
  line(): Promise<string | undefined>;
  /** Goes on with what waits for a line of input. */
  proceed(): void;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Its exit code, or the signal that ended it. */
  ended(): Promise<number | string>;
}

const PRELUDE = `
const { openSqliteStore } = await import(${JSON.stringify(new URL('../../dist/state/sqlite-store.js', import.meta.url).href)});
const { applyFact } = await import(${JSON.stringify(new URL('../../dist/state/apply-fact.js', import.meta.url).href)});
const { emptyState, nothingTouched } =
  await import(${JSON.stringify(new URL('../../dist/state/deployment-state.js', import.meta.url).href)});
const { once } = await import('node:events');
const [directory] = process.argv.slice(1);
const signal = new AbortController().signal;
const input = () => once(process.stdin, 'data');
function record(store, state, facts) {
  const touched = nothingTouched();
  for (const fact of facts) applyFact(state, fact, touched);
  return store.append(state, facts, touched);
}
`;

/**
 * Runs a module's text, which finds `openSqliteStore`, `record`, `emptyState`, `directory`, `signal` and
 * `input` defined. Its process is gone after the test.
 */
export function runChild(directory: string, text: string): Child {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PRELUDE + text, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const end = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const ended = async (): Promise<number | string> => {
    const [code, signal] = await end;
    return code ?? signal ?? 'unknown';
  };
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await end;
  });
  return {
    pid: pidOf(child),
    line: async () => {
      const next = await lines.next();
      return next.done === true ? undefined : next.value;
    },
    proceed: () => child.stdin.write('\n'),
    kill: async (signal) => {
      child.kill(signal);
      await end;
    },
    ended,
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('The child process did not start.');
  return child.pid;
}
