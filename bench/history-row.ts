import { measure } from './measure.ts';
import { program } from './paths.ts';
import type { Row } from './row.ts';

/** Time per fact, after many facts against after few. */
export async function historyRow(): Promise<Row> {
  const { stdout } = await measure(['--expose-gc', program('history')]);
  const { early, late, growth } = JSON.parse(stdout) as { early: number; late: number; growth: number };
  return {
    name: 'time per fact after 40 rounds of changes against after 10',
    value: late / early,
    unit: '×',
    limit: 1.25,
    detail: `heap grew by ${growth.toFixed(1)} MB between them`,
  };
}
