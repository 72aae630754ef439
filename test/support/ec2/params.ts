import { invalid, missing } from './api-error.ts';

/** Parameters of a query request, or of one structure within it. Lists count from 1, as in `Filter.1.Value.2`. */
export interface Params {
  text(name: string): string | undefined;
  /** Throws MissingParameter. */
  required(name: string): string;
  flag(name: string): boolean | undefined;
  /** Throws InvalidParameterValue. */
  integer(name: string): number | undefined;
  list(name: string): readonly string[];
  structure(name: string): Params | undefined;
  structures(name: string): readonly Params[];
  /** All texts as `name=value` in order of names, but of those named. */
  all(except: readonly string[]): readonly string[];
}

interface Tree {
  text?: string;
  readonly parts: Map<string, Tree>;
}

export function parseParams(flat: ReadonlyMap<string, string>): Params {
  const root: Tree = { parts: new Map() };
  for (const [name, value] of flat) {
    let place = root;
    for (const part of name.split('.')) {
      let next = place.parts.get(part);
      if (next === undefined) {
        next = { parts: new Map() };
        place.parts.set(part, next);
      }
      place = next;
    }
    place.text = value;
  }
  return paramsOf(root);
}

function paramsOf(tree: Tree): Params {
  const text = (name: string): string | undefined => tree.parts.get(name)?.text;
  return {
    text,
    required(name) {
      const value = text(name);
      if (value === undefined || value === '') throw missing(name);
      return value;
    },
    flag(name) {
      const value = text(name);
      return value === undefined ? undefined : value === 'true';
    },
    integer(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      if (!/^-?\d+$/.test(value)) throw invalid(`Invalid value '${value}' for ${name}`);
      return Number(value);
    },
    list: (name) => items(tree, name).map((item) => item.text ?? ''),
    structure(name) {
      const part = tree.parts.get(name);
      return part === undefined ? undefined : paramsOf(part);
    },
    structures: (name) => items(tree, name).map(paramsOf),
    all: (except) =>
      [...tree.parts]
        .filter(([name]) => !except.includes(name))
        .flatMap(([name, part]) => lines(name, part))
        .sort(),
  };
}

function items(tree: Tree, name: string): readonly Tree[] {
  const list = tree.parts.get(name);
  if (list === undefined) return [];
  return [...list.parts].sort(([one], [other]) => Number(one) - Number(other)).map(([, item]) => item);
}

function lines(name: string, { text, parts }: Tree): readonly string[] {
  const own = text === undefined ? [] : [`${name}=${text}`];
  return [...own, ...[...parts].flatMap(([part, tree]) => lines(`${name}.${part}`, tree))];
}
