import type { Draft } from './draft.ts';
import type { Reading } from './fields.ts';
import { readDuration } from './fields.ts';
import type { Use } from './uses.ts';

/** Ten years, in milliseconds. */
const LONGEST = 3_650 * 86_400_000;

/** Milliseconds; null: the plan has no `ttl`, or an input that it needs is not known. */
export function readTtl({ ttl }: Draft, reading: Reading): number | null {
  return readDuration(reading, ttl, LONGEST) ?? null;
}

export function ttlUses({ ttl }: Draft): readonly Use[] {
  return ttl === undefined ? [] : [{ node: ttl, where: 'plan', key: 'ttl' }];
}
