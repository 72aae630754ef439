/** How many machines there must be at least to go on, and how many are asked for. */
export interface Count {
  readonly min: number;
  readonly max: number;
}

/** The first so many numbers that are not among `without`, ascending. */
export function firstIndexes(count: number, without: readonly number[] = []): readonly number[] {
  const left = new Set(without);
  const indexes: number[] = [];
  for (let index = 0; indexes.length < count; index += 1) if (!left.has(index)) indexes.push(index);
  return indexes;
}

/** The numbers below the last one that are left out, ascending. */
export function gapsIn(indexes: readonly number[]): readonly number[] {
  const known = new Set(indexes);
  const gaps: number[] = [];
  for (let index = 0; index < (indexes.at(-1) ?? 0); index += 1) if (!known.has(index)) gaps.push(index);
  return gaps;
}

/** The numbers of the machines that a recorded service has, ascending. */
export function indexesOf({
  max,
  indexes,
}: {
  readonly max: number;
  readonly indexes?: readonly number[];
}): readonly number[] {
  return indexes ?? firstIndexes(max);
}
