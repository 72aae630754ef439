import type { Json } from '../json.ts';
import { TemplateError } from './template-scope.ts';

/** What a value is, as far as helpers care; `scalar` may turn out to be null where only names are known. */
export type Kind = 'null' | 'scalar' | 'list' | 'object';

/** What a helper takes: `text` is a scalar that is not null, `single` may be null. */
export type Parameter = 'list' | 'text' | 'single' | 'indexed' | 'any';

/** `lookup` is evaluated by the renderer; the others are functions of their arguments. */
export const HELPERS = {
  join: { parameters: ['list', 'text'], usage: 'join list separator' },
  json: { parameters: ['any'], usage: 'json value' },
  quote: { parameters: ['text'], usage: 'quote value' },
  default: { parameters: ['single', 'single'], usage: 'default value fallback' },
  eq: { parameters: ['single', 'single'], usage: 'eq a b' },
  lookup: { parameters: ['indexed', 'text'], usage: 'lookup list index' },
} as const satisfies Record<string, { parameters: readonly Parameter[]; usage: string }>;

export type HelperName = keyof typeof HELPERS;

export function isHelper(name: string): name is HelperName {
  return Object.hasOwn(HELPERS, name);
}

const ACCEPTED: Readonly<Record<Parameter, readonly Kind[]>> = {
  list: ['list'],
  text: ['scalar'],
  single: ['scalar', 'null'],
  indexed: ['list', 'object'],
  any: ['null', 'scalar', 'list', 'object'],
};

const WANTED: Readonly<Record<Parameter, string>> = {
  list: 'a list',
  text: 'a single value',
  single: 'a single value',
  indexed: 'a list or a machine',
  any: 'a value',
};

const CALLED: Readonly<Record<Kind, string>> = {
  null: 'null',
  scalar: 'a single value',
  list: 'a list',
  object: 'an object',
};

/** Says why an argument does not fit, or null if it does. `source` is the argument as written. */
export function misfit(helper: HelperName, index: number, kind: Kind, source: string): string | null {
  const parameter: Parameter | undefined = HELPERS[helper].parameters[index];
  if (parameter === undefined || ACCEPTED[parameter].includes(kind)) return null;
  return `"${source}" is ${CALLED[kind]}, but "${helper}" needs ${WANTED[parameter]} there ({{${HELPERS[helper].usage}}})`;
}

/** Says why a value cannot stand in a text, or null if it can. */
export function unprintable(kind: Kind, source: string): string | null {
  switch (kind) {
    case 'scalar':
      return null;
    case 'null':
      return `"${source}" is null and cannot be rendered: use default, as in {{default value "fallback"}}`;
    case 'list':
      return `"${source}" is a list and cannot be rendered: use join or json`;
    case 'object':
      return `"${source}" is an object and cannot be rendered: name one of its values, or use json`;
  }
}

/** Says why `lookup` only takes a value as its second argument where its first one is a list. */
export function uncheckable(source: string): string {
  return `Cannot check what "${source}" finds: write the name that it looks up as a text`;
}

export function kindOf(value: Json): Kind {
  if (value === null) return 'null';
  if (typeof value !== 'object') return 'scalar';
  return Array.isArray(value) ? 'list' : 'object';
}

/** A single value as it is rendered. */
export function textOf(value: Json): string {
  return value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Applies a helper to arguments that fit. `sources` are the arguments as written. */
export function applyHelper(
  helper: Exclude<HelperName, 'lookup'>,
  args: readonly Json[],
  sources: readonly string[],
): Json {
  const [first = null, second = null] = args;
  switch (helper) {
    case 'join':
      return (first as readonly Json[])
        .map((entry, index) => element(entry, index, sources[0] ?? ''))
        .join(textOf(second));
    case 'json':
      return JSON.stringify(first);
    case 'quote':
      return shellWord(textOf(first), sources[0] ?? '');
    case 'default':
      return first === null || first === '' ? second : first;
    case 'eq':
      return first === null || second === null ? first === second : textOf(first) === textOf(second);
  }
}

function element(entry: Json, index: number, source: string): string {
  if (kindOf(entry) === 'scalar') return textOf(entry);
  throw new TemplateError(`Cannot join "${source}": entry ${index} is ${CALLED[kindOf(entry)]}`);
}

function shellWord(text: string, source: string): string {
  if (text.includes('\0'))
    throw new TemplateError(`Cannot quote "${source}": no shell word can hold a NUL character`);
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
