import { ApiError, invalid } from './api-error.ts';
import type { Params } from './params.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextToken: string | null;
}

/**
 * One page of a list that only grows at its end or loses items: a token names the last item that was answered, so that
 * nothing is answered twice and nothing is skipped. `idsName`: list of ids that excludes MaxResults.
 */
export function pageOf<T>(
  params: Params,
  all: readonly T[],
  {
    orderOf,
    idsName,
    smallest = 5,
    largest = 1000,
  }: {
    /** Rises along the list. */
    readonly orderOf: (item: T) => number;
    readonly idsName?: string;
    readonly smallest?: number;
    readonly largest?: number;
  },
): Page<T> {
  const size = params.integer('MaxResults');
  const token = params.text('NextToken');
  if (size !== undefined) {
    if (idsName !== undefined && params.list(idsName).length > 0) {
      throw new ApiError(
        'InvalidParameterCombination',
        `The parameter ${idsName} cannot be used with the parameter maxResults`,
      );
    }
    if (size < smallest || size > largest) {
      throw invalid(
        `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value between ${smallest} and ${largest}.`,
      );
    }
  }
  const after = token === undefined ? -Infinity : orderFrom(token);
  const rest = all.filter((item) => orderOf(item) > after);
  const items = rest.slice(0, size ?? largest);
  const last = items.at(-1);
  const nextToken = items.length < rest.length && last !== undefined ? tokenOf(orderOf(last)) : null;
  return { items, nextToken };
}

function tokenOf(order: number): string {
  return Buffer.from(`after:${order}`).toString('base64url');
}

function orderFrom(token: string): number {
  const match = /^after:(\d+)$/.exec(Buffer.from(token, 'base64url').toString());
  if (match === null) throw invalid(`Unable to parse pagination token`);
  return Number(match[1]);
}

/** A page of a list that never changes. */
export function pageOfFixed<T>(
  params: Params,
  all: readonly T[],
  options: { readonly idsName?: string; readonly smallest?: number; readonly largest?: number } = {},
): Page<T> {
  const indexed = all.map((item, order) => ({ item, order }));
  const page = pageOf(params, indexed, { ...options, orderOf: ({ order }) => order });
  return { items: page.items.map(({ item }) => item), nextToken: page.nextToken };
}
