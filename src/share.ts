/** A number of machines, or a share of them. */
export type Share = number | `${number}%`;

/** Reads `2` or `25%`, both at least 1; `undefined` for anything else. */
export function parseShare(text: string): Share | undefined {
  const [, digits = '', percent] = /^(\d{1,5})(%)?$/.exec(text) ?? [];
  const number = Number(digits);
  if (number < 1) return undefined;
  if (percent === undefined) return number;
  return number <= 100 ? `${number}%` : undefined;
}

/** How many of `count` machines a share is: rounded up, at least one. */
export function roomOf(share: Share, count: number): number {
  const room = typeof share === 'number' ? share : Math.ceil((count * Number(share.slice(0, -1))) / 100);
  return Math.max(1, room);
}
