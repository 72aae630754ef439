import { createHash, randomBytes } from 'node:crypto';
import { ApiError } from './api-error.ts';

/** Resource id such as "i-0123456789abcdef0". */
export function newId(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`;
}

/** The same id for the same words, in every endpoint. */
export function fixedId(prefix: string, ...words: readonly string[]): string {
  return `${prefix}-0${createHash('sha256').update(words.join('\n')).digest('hex').slice(0, 16)}`;
}

export function isId(prefix: string, text: string): boolean {
  return (
    text.startsWith(`${prefix}-`) && /^(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(text.slice(prefix.length + 1))
  );
}

/** Throws `<code>` when an id has not the form of one. */
export function expectIds(prefix: string, code: string, ids: readonly string[]): void {
  for (const id of ids) {
    if (!isId(prefix, id)) throw new ApiError(code, `Invalid id: "${id}" (expecting "${prefix}-...")`);
  }
}
