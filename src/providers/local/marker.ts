/**
 * Every process of a machine carries a value of RLIMIT_RSS of its own, inherited through any fork, exec or
 * setsid, raised by nobody, and ignored by the kernel since 2.4.30. In KiB, as `ulimit -m` takes it:
 *
 *     bit 52    1: nobody else sets a limit of 4 EiB
 *     48 … 51   random
 *     24 … 47   slot of the machine, unique on this computer (its address is)
 *      0 … 23   all ones; or the slot of a machine that was launched from inside that machine
 *
 * A machine inside a machine has a lower value, which needs no privilege, and belongs to both.
 */
const LOW = 2 ** 24;
const TAG = 2 ** 52;

/** `outer`: limit of this process (KiB), null: none. Null: no value can be given under that limit. */
export function markerFor(slot: number, random: number, outer: number | null): number | null {
  if (outer === null) return TAG + (random % 16) * 2 ** 48 + slot * LOW + (LOW - 1);
  return outer >= TAG && outer % LOW === LOW - 1 ? outer - (LOW - 1) + slot : null;
}

/** Markers of all machines that a process with this limit (KiB) belongs to. */
export function markersOf(limit: number): readonly number[] {
  if (limit < TAG) return [];
  const outermost = limit - (limit % LOW) + (LOW - 1);
  return limit === outermost ? [limit] : [limit, outermost];
}

/** The limit (KiB) that `/proc/<pid>/limits` tells, null: none or not a marker. */
export function limitIn(limits: string): number | null {
  const at = limits.indexOf('Max resident set');
  const value = /^Max resident set +\d+ +(\d+)/.exec(limits.slice(at, at + 80))?.[1];
  if (at < 0 || value === undefined) return null;
  return Number(BigInt(value) / 1024n);
}

/** 24 bits that no other machine on this computer has, as long as the machine's address is its own. */
export function slotOf(address: string, port: number, random: number): number {
  const [, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return address === '127.0.0.1' ? port * 256 + (random % 255) : b * 65_536 + c * 256 + d;
}
