/** What a machine printed. */
export interface Printed {
  readonly machine: string;
  readonly bytes: Buffer;
}

/** Machines that printed the same. */
export interface Group {
  readonly machines: readonly string[];
  readonly bytes: Buffer;
}

/** Groups machines by what they printed, in the order of the first of each group. Those that printed nothing have none. */
export function groupsOf(printed: readonly Printed[]): readonly Group[] {
  const groups = new Map<string, { readonly machines: string[]; readonly bytes: Buffer }>();
  for (const { machine, bytes } of printed) {
    if (bytes.length === 0) continue;
    const key = bytes.toString('latin1');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { machines: [machine], bytes });
    else group.machines.push(machine);
  }
  return [...groups.values()];
}
