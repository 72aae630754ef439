import type { KeyPair } from '../../keys.ts';
import type { LaunchRequest } from '../provider.ts';

/** What is on disk of one machine: enough for a new host to go on with it. */
export interface MachineRecord {
  readonly id: string;
  readonly name: string;
  readonly generation: number;
  readonly batch: { readonly token: string; readonly index: number };
  readonly request: LaunchRequest;
  /** The loopback address that is its own, or `127.0.0.1` where there is only that. */
  readonly address: string;
  readonly port: number;
  readonly hostKey: KeyPair;
  /** The resource limit that tells its processes from all others (KiB), or null where that does not work. */
  readonly marker: number | null;
  /** Environment of its scripts beside what a login sets. */
  readonly environment: Readonly<Record<string, string>>;
  /** What it is meant to be; what it is follows. */
  readonly wanted: 'on' | 'off' | 'gone';
  /** Epoch milliseconds before which it does not listen. */
  readonly bootsAt: number;
  /** Why it is meant to be gone although nobody asked for that, or null. */
  readonly failure: string | null;
}
