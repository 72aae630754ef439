import { execFile } from 'node:child_process';
import { dirname } from 'node:path';

import { UsageError } from '../../errors.ts';
import type { Json } from '../../json.ts';
import { yamlValue } from '../../yaml.ts';
import { ProviderError } from '../provider.ts';
import type { Cancel } from '../provider.ts';
import type { HostHash } from './access.ts';
import type { HostEntry } from './host-entry.ts';
import { readHostEntries } from './host-entry.ts';

/** A named configuration of the type `hosts`. */
export interface HostsConfig {
  readonly name: string;
  readonly options: Readonly<Record<string, Json>>;
}

/** The hosts of a pool, each one once, in the order in which they are taken. */
export interface Pool {
  /** Rejects with `ProviderError` when the program that prints them does not. */
  hosts(cancel: Cancel): Promise<readonly HostEntry[]>;
  /** By their hashes, as far as they are known without running a program. */
  readonly known: ReadonlyMap<string, HostEntry>;
}

const LIMIT = 60_000;
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * The pool of a configuration: its `hosts`, or what the program at `inventory`, an absolute path, prints when it is
 * first needed. Throws `UsageError` when it has neither, or a host that is none.
 */
export function openPool({ name, options }: HostsConfig, hash: HostHash): Pool {
  const { hosts, inventory } = options;
  if (typeof inventory !== 'string') {
    const written = readOr(
      hosts,
      (why) => new UsageError(`Cannot use provider "${name}": its hosts: ${why}`),
    );
    let known: ReadonlyMap<string, HostEntry> | undefined;
    const named = (): ReadonlyMap<string, HostEntry> => (known ??= byHash(written, hash));
    return {
      get known() {
        return named();
      },
      hosts: () => Promise.resolve([...named().values()]),
    };
  }
  let isPrinted = false;
  let known: ReadonlyMap<string, HostEntry> = new Map();
  return {
    get known() {
      return known;
    },
    async hosts(cancel) {
      if (isPrinted) return [...known.values()];
      const output = await run(inventory, cancel);
      const why = (text: string): ProviderError => problem(inventory, `its output: ${text}`);
      let list: unknown;
      try {
        list = yamlValue(output);
      } catch (error) {
        throw why(error instanceof Error ? firstLine(error.message) : String(error));
      }
      known = byHash(readOr(list, why), hash);
      isPrinted = true;
      return [...known.values()];
    },
  };
}

/** Of two entries for one host the first counts. */
function byHash(hosts: readonly HostEntry[], hash: HostHash): ReadonlyMap<string, HostEntry> {
  const known = new Map<string, HostEntry>();
  for (const host of hosts) if (!known.has(hash(host))) known.set(hash(host), host);
  return known;
}

function readOr(list: unknown, refusal: (why: string) => Error): readonly HostEntry[] {
  try {
    return readHostEntries(list);
  } catch (error) {
    throw refusal(error instanceof Error ? error.message : String(error));
  }
}

function run(program: string, { signal }: Cancel): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: dirname(program), timeout: LIMIT, maxBuffer: MOST_BYTES, signal };
    const child = execFile(program, [], options, (error, stdout, stderr) => {
      if (signal.aborted) reject(signal.reason as Error);
      else if (error === null) resolve(stdout);
      else reject(problem(program, whyFailed(error, stderr)));
    });
    child.stdin?.end();
  });
}

function whyFailed(
  { killed, code, message }: Pick<Error, 'message'> & { killed?: boolean; code?: unknown },
  stderr: string,
): string {
  const why = typeof code === 'number' ? `it ended with exit code ${code}` : firstLine(message);
  const last = stderr.trim().split('\n').pop() ?? '';
  return `${killed === true ? `it did not end within ${LIMIT / 1_000}s` : why}${last === '' ? '' : `: ${last}`}`;
}

function problem(program: string, why: string): ProviderError {
  return new ProviderError(`Cannot read inventory "${program}": ${why}`, { isFinal: true });
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
