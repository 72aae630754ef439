import { randomBytes, randomInt } from 'node:crypto';

import { hostKeyPair } from '../../keys.ts';
import type { KeyPair } from '../../keys.ts';
import type { Holding, LabelChange, LaunchRequest } from '../provider.ts';
import { candidate } from './address.ts';
import type { AddressSpace } from './address.ts';
import { markerFor, slotOf } from './marker.ts';

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
  /** Its processes have to end before it boots again. */
  readonly powerCut: boolean;
  /** Epoch milliseconds; absent: an older host recorded it. */
  readonly launchedAt?: number;
  /** Epoch milliseconds before which it does not listen. */
  readonly bootsAt: number;
  /** Epoch milliseconds at which it ends by itself; absent: never. */
  readonly expiresAt?: number | undefined;
  /** Why it is meant to be gone although nobody asked for that, or null. */
  readonly failure: string | null;
}

/** What this computer lets a host do. */
export interface Surroundings {
  readonly space: AddressSpace;
  /** How processes are marked; undefined: they are not. `outer` is the limit of this process. */
  readonly marking: { readonly outer: number | null } | undefined;
}

/** What a launch asks for. */
export interface NewMachine {
  readonly name: string;
  readonly generation: number;
  readonly index: number;
  readonly token: string;
  readonly request: LaunchRequest;
  readonly environment: Readonly<Record<string, string>>;
  readonly bootsAt: number;
}

/** A record with an id, a key and a place to listen at that nobody has checked yet. */
export function newRecord(machine: NewMachine, { space, marking }: Surroundings): MachineRecord {
  const { address, port } = candidate(space);
  const random = randomInt(2 ** 16);
  return {
    id: `local-${randomBytes(6).toString('hex')}`,
    name: machine.name,
    generation: machine.generation,
    batch: { token: machine.token, index: machine.index },
    request: machine.request,
    address,
    port,
    hostKey: hostKeyPair(),
    marker: marking === undefined ? null : markerFor(slotOf(address, port, random), random, marking.outer),
    environment: machine.environment,
    wanted: 'on',
    powerCut: false,
    launchedAt: Date.now(),
    bootsAt: machine.bootsAt,
    expiresAt: machine.request.expiresAt,
    failure: null,
  };
}

/** With other labels. */
export function relabelled(record: MachineRecord, { set, remove }: LabelChange): MachineRecord {
  const kept = Object.entries(record.request.labels).filter(([key]) => !remove.includes(key));
  return { ...record, request: { ...record.request, labels: { ...Object.fromEntries(kept), ...set } } };
}

/** With another end, or none. */
export function expiring(record: MachineRecord, expiresAt: number | null): MachineRecord {
  return { ...record, expiresAt: expiresAt ?? undefined };
}

export function holdingOf({ id, name, request, batch, launchedAt }: MachineRecord): Holding {
  const since = launchedAt ?? null;
  return { kind: 'machine', id, name, tags: request.tags, token: batch.token, since };
}

/** Where nobody else may listen. */
export function placeOf({ address, port }: MachineRecord): string {
  return `${address}:${port}`;
}
