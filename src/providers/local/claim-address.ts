import type { MachineServer } from './machine.ts';
import { newRecord } from './record.ts';
import type { MachineRecord, NewMachine, Surroundings } from './record.ts';

export interface Addresses {
  readonly surroundings: Surroundings;
  /** The address belongs to another machine. */
  readonly isTaken: (record: MachineRecord) => boolean;
  readonly serverFor: (record: MachineRecord) => MachineServer;
}

const TRIES = 20;

/** A machine with an address that nobody else listens at, and it does; an error code when there is none. */
export async function claimAddress(
  machine: NewMachine,
  { surroundings, isTaken, serverFor }: Addresses,
): Promise<{ readonly record: MachineRecord; readonly server: MachineServer } | string> {
  let code = 'EADDRINUSE';
  for (let tries = 0; tries < TRIES && code === 'EADDRINUSE'; tries++) {
    const record = newRecord(machine, surroundings);
    if (isTaken(record)) continue;
    const server = serverFor(record);
    const failure = await server.listen();
    if (failure === null) return { record, server };
    code = failure;
  }
  return code;
}
