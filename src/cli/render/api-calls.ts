import type { OperationEvent } from '../../api/operation.ts';
import { countOf } from './happening.ts';

/** `west: 14 API calls, 0.4 a machine (RunInstances 2, DescribeInstances 12)`. */
export function apiCallsLine({
  provider,
  calls,
  machines,
}: Extract<OperationEvent, { type: 'api-calls' }>): string {
  const counts = Object.entries(calls);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  const each = machines === 0 ? '' : `, ${rounded(total / machines)} a machine`;
  return `${provider}: ${countOf(total, 'API call')}${each} (${counts.map(([name, count]) => `${name} ${count}`).join(', ')})`;
}

/** Two digits that say something: `0.012`, `0.4`, `3.5`, `142`. */
function rounded(value: number): string {
  return value >= 10 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}
