import { ApiError, invalid } from './api-error.ts';
import type { Params } from './params.ts';

/** Values that a resource has under a filter's name. */
export type FilterField<T> = (resource: T) => readonly (string | null)[];

/** A filter's values are alternatives with `*` and `?`; several filters have all to match. */
export function filterBy<T>(
  params: Params,
  fields: Readonly<Record<string, FilterField<T>>>,
  tagsOf?: (resource: T) => ReadonlyMap<string, string>,
): (resource: T) => boolean {
  const tests = params.structures('Filter').map((filter) => {
    const name = filter.required('Name');
    const values = filter.list('Value');
    if (values.length === 0) throw invalid(`The filter '${name}' has no values`);
    if (values.length > 200) {
      throw new ApiError(
        'FilterLimitExceeded',
        'The maximum number of filter values specified on a single call is 200',
      );
    }
    const matches = matcher(values);
    const field = fieldOf(name, fields, tagsOf);
    return (resource: T) => field(resource).some((value) => value !== null && matches(value));
  });
  return (resource) => tests.every((test) => test(resource));
}

function fieldOf<T>(
  name: string,
  fields: Readonly<Record<string, FilterField<T>>>,
  tagsOf: ((resource: T) => ReadonlyMap<string, string>) | undefined,
): FilterField<T> {
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field !== undefined) return field;
  if (tagsOf !== undefined) {
    if (name === 'tag-key') return (resource) => [...tagsOf(resource).keys()];
    if (name.startsWith('tag:')) return (resource) => [tagsOf(resource).get(name.slice(4)) ?? null];
  }
  throw invalid(`The filter '${name}' is invalid`);
}

function matcher(patterns: readonly string[]): (value: string) => boolean {
  const plain = new Set(patterns.filter((pattern) => !/[*?\\]/.test(pattern)));
  const wild = patterns.filter((pattern) => !plain.has(pattern)).map(wildcard);
  return (value) => plain.has(value) || wild.some((pattern) => pattern.test(value));
}

function wildcard(pattern: string): RegExp {
  const source = pattern.replaceAll(/\\.|[\s\S]/g, (part) => {
    if (part === '*') return '[\\s\\S]*';
    if (part === '?') return '[\\s\\S]';
    return (part.length === 2 ? part.slice(1) : part).replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  });
  return new RegExp(`^${source}$`);
}
