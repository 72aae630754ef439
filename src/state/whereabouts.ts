import { declaredProvider, instanceOf } from '../colocation.ts';
import type { Machine } from '../machine.ts';

/** Where a machine is, as people name it; what is not known yet is null. */
export type Whereabouts = {
  readonly provider: string;
  readonly id: string | null;
  readonly hostname: string | null;
  readonly address: string | null;
  readonly privateIp: string | null;
  readonly publicIp: string | null;
};

/** A colocated machine has the provider that its service declares, and the id of the instance that it is on. */
export function whereabouts({ provider, id, addresses }: Machine): Whereabouts {
  return {
    provider: declaredProvider(provider),
    id: id === null ? null : instanceOf(id),
    hostname: addresses?.hostname ?? null,
    address: addresses?.address ?? null,
    privateIp: addresses?.privateIp ?? null,
    publicIp: addresses?.publicIp ?? null,
  };
}

/** What every machine offers, whatever its scripts report. */
export type BuiltIn = Whereabouts & {
  readonly name: string;
  readonly index: number;
  readonly service: string;
  readonly level: string;
};

export function builtIn(machine: Machine): BuiltIn {
  const { name, index, service, level } = machine;
  return { name, index, service, level, ...whereabouts(machine) };
}
