import type { Filters } from './api.ts';

/** Most values that EC2 takes in one filter. */
const VALUES = 200;

export interface SdkFilter {
  readonly Name: string;
  readonly Values: string[];
}

/** The filters of as many calls as the longest list of values needs; none for a filter that nothing can match. */
export function filterLists(filters: Filters): readonly SdkFilter[][] {
  return Object.entries(filters).reduce<readonly SdkFilter[][]>(
    (lists, [Name, values]) =>
      chunks(values, VALUES).flatMap((Values) => lists.map((list) => [...list, { Name, Values }])),
    [[]],
  );
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < items.length; start += size) result.push(items.slice(start, start + size));
  return result;
}
