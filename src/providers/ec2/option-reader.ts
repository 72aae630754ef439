import type { Json } from '../../json.ts';
import type { OptionProblem } from './problem.ts';
import { problem } from './problem.ts';

/** What a rendered value may be: a template renders numbers and booleans to text. */
export interface Kind<T> {
  /** For messages: `true or false`. */
  readonly shape: string;
  /** Undefined: it is something else. */
  readonly read: (value: Json) => T | undefined;
}

/** Reads the keys of a map, and remembers the first thing that is wrong with it. */
export interface OptionReader {
  /** The value of a key; `fallback` where there is none or it is wrong. */
  take<T, Fallback>(key: string, kind: Kind<T>, fallback: Fallback): T | Fallback;
  /** A map within the map, or null. */
  section(key: string): OptionReader | null;
  /** To be asked when all keys were taken: any other key is a problem too. */
  problem(): OptionProblem | null;
}

/** `path`: where the map is, for messages: `ec2`, `ec2.spot`. */
export function optionReader(map: Readonly<Record<string, Json>>, path: string): OptionReader {
  const taken = new Set<string>();
  const sections: OptionReader[] = [];
  let first: OptionProblem | null = null;

  function take<T, Fallback>(key: string, kind: Kind<T>, fallback: Fallback): T | Fallback {
    taken.add(key);
    const value = map[key] ?? null;
    if (value === null) return fallback;
    const read = kind.read(value);
    if (read !== undefined) return read;
    first ??= problem(
      `Cannot use ${path}.${key}${shown(value)}: it is not ${kind.shape}`,
      `Write ${kind.shape}.`,
    );
    return fallback;
  }

  return {
    take,
    section(key) {
      const inner = take(key, MAP, null);
      if (inner === null) return null;
      const section = optionReader(inner, `${path}.${key}`);
      sections.push(section);
      return section;
    },
    problem() {
      const unknown = Object.keys(map).find((key) => !taken.has(key));
      if (first !== null || unknown === undefined) {
        return first ?? sections.map((section) => section.problem()).find((found) => found !== null) ?? null;
      }
      return problem(
        `Cannot use ${path}.${unknown}: there is no such key`,
        `The keys of ${path} are ${[...taken].join(', ')}.`,
      );
    },
  };
}

/** Lists and maps are long, and some hold what is not to be shown. */
function shown(value: Json): string {
  return value !== null && typeof value === 'object' ? '' : ` "${value}"`;
}

export const MAP: Kind<Readonly<Record<string, Json>>> = {
  shape: 'a map',
  read: (value) => (isMap(value) ? value : undefined),
};

export const FLAG: Kind<boolean> = {
  shape: 'true or false',
  read(value) {
    if (value === true || value === 'true') return true;
    return value === false || value === 'false' ? false : undefined;
  },
};

export const PRICE: Kind<string> = {
  shape: 'a price such as "0.05"',
  read(value) {
    const price = typeof value === 'number' ? String(value) : value;
    return typeof price === 'string' && /^\d+(?:\.\d+)?$/.test(price.trim()) ? price.trim() : undefined;
  },
};

/** Text that is not empty, without spaces around it. */
export function text(shape: string): Kind<string> {
  return {
    shape,
    read: (value) => (typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined),
  };
}

/** One text, or a list of at least one. Those that are named twice count once. */
export function texts(shape: string): Kind<readonly string[]> {
  const { read } = text(shape);
  return {
    shape,
    read(value) {
      const items = isList(value) ? value : [value];
      const all = items.map(read);
      if (items.length === 0 || all.includes(undefined)) return undefined;
      return [...new Set(all.flatMap((item) => item ?? []))];
    },
  };
}

export function wholeNumber(min: number, max: number): Kind<number> {
  return {
    shape: `a whole number from ${min} to ${max}`,
    read(value) {
      const isDigits = typeof value === 'string' && /^\s*\d+\s*$/.test(value);
      const number = isDigits ? Number(value) : value;
      const isWhole = typeof number === 'number' && Number.isInteger(number);
      return isWhole && number >= min && number <= max ? number : undefined;
    },
  };
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Kind<T> {
  return {
    shape: `one of ${allowed.join(', ')}`,
    read: (value) => allowed.find((one) => typeof value === 'string' && one === value.trim()),
  };
}

export function isMap(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !isList(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
