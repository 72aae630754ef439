/**
 * A value that is shown as `***` wherever it is printed and encrypted wherever it is stored. It is a plain JSON
 * shape, so that facts and machines stay data.
 */
export interface Sensitive {
  readonly sensitive: string;
}

export const MASK = '***';

export function isSensitive(value: unknown): value is Sensitive {
  return (
    typeof value === 'object' && value !== null && typeof (value as Partial<Sensitive>).sensitive === 'string'
  );
}

/** The value itself, for templates and `--reveal`. */
export function reveal(value: string | Sensitive): string {
  return typeof value === 'string' ? value : value.sensitive;
}
