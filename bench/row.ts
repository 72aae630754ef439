/** One figure of the benchmark: a ratio within the run, or a slope. */
export interface Row {
  readonly name: string;
  readonly value: number;
  /** `×` for ratios, `ms`, `MB`. */
  readonly unit: string;
  /** What it should not exceed; null: it is told for information. */
  readonly limit: number | null;
  /** The absolute figures behind it. */
  readonly detail: string;
}

export function isMissed({ value, limit }: Row): boolean {
  return limit !== null && !(value <= limit);
}

export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => {
    const { name, value, unit, limit, detail } = row;
    const bound = limit === null ? ['', ''] : [`≤ ${limit} ${unit}`, isMissed(row) ? 'MISSED' : 'met'];
    return [name, `${value.toFixed(2)} ${unit}`, ...bound, detail];
  });
  const widths = [0, 1, 2, 3].map((i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  return cells
    .map((row) => row.map((cell, i) => (i < 4 ? cell.padEnd(widths[i] ?? 0) : cell)).join('  '))
    .join('\n');
}
