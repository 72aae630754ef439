/** A quota of vCPUs that may run at the same time, in a region. */
export interface Quota {
  /** `L-1216C47A` */
  readonly code: string;
  /** As the Service Quotas console shows it. */
  readonly name: string;
}

interface Family {
  /** What names of its types begin with, before the digits. */
  readonly prefixes: readonly string[];
  readonly onDemand: Quota;
  readonly spot: Quota | null;
}

const STANDARD = 'Standard (A, C, D, H, I, M, R, T, Z)';

const FAMILIES: readonly Family[] = [
  family(STANDARD, ['a', 'c', 'd', 'h', 'i', 'im', 'is', 'm', 'r', 't', 'z'], 'L-1216C47A', 'L-34B43A08'),
  family('DL', ['dl'], 'L-6E869C2A', 'L-85EED4F7'),
  family('F', ['f'], 'L-74FC7D96', 'L-88CF9481'),
  family('G and VT', ['g', 'gr', 'vt'], 'L-DB2E81BA', 'L-3819A6DF'),
  family('HPC', ['hpc'], 'L-F7808C92', null),
  family('High Memory', ['u-', 'u'], 'L-43DA4232', null),
  family('Inf', ['inf'], 'L-1945791B', 'L-B5D1601B'),
  family('P', ['p'], 'L-417A185B', 'L-7212CCBC'),
  family('Trn', ['trn'], 'L-2C3B7624', 'L-6B0D517C'),
  family('X', ['x'], 'L-7295265B', 'L-E3A00192'),
];

/** The quota that instances of a type count against; null: it is not known. */
export function quotaOf(instanceType: string, isSpot: boolean): Quota | null {
  const prefix = /^[a-z]+-?/.exec(instanceType)?.[0] ?? '';
  const found = FAMILIES.find(({ prefixes }) => prefixes.includes(prefix));
  return (isSpot ? found?.spot : found?.onDemand) ?? null;
}

function family(name: string, prefixes: readonly string[], onDemand: string, spot: string | null): Family {
  return {
    prefixes,
    onDemand: { code: onDemand, name: `Running On-Demand ${name} instances` },
    spot: spot === null ? null : { code: spot, name: `All ${name} Spot Instance Requests` },
  };
}
