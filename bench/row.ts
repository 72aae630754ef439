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

export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ name, value, unit, limit, detail }) => [
    name,
    `${value.toFixed(2)} ${unit}`,
    limit === null ? '' : `≤ ${limit} ${unit}`,
    limit === null ? '' : value <= limit ? 'met' : 'MISSED',
    detail,
  ]);
  const widths = [0, 1, 2, 3].map((i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  return cells
    .map((row) => row.map((cell, i) => (i < 4 ? cell.padEnd(widths[i] ?? 0) : cell)).join('  '))
    .join('\n');
}
