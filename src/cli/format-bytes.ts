const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** A number of bytes for people: `12 B`, `1.5 kB`, `200 MB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit: string = 'B';
  for (const next of UNITS) {
    if (Math.round(amount) < 1_000) break;
    amount /= 1_000;
    unit = next;
  }
  return `${unit === 'B' || amount >= 99.5 ? Math.round(amount) : amount.toFixed(1)} ${unit}`;
}
