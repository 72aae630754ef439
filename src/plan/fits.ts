/** A schema, or a part of one. */
export type Schema = Readonly<Record<string, unknown>>;

/** Keywords that tell something and allow everything. */
const REMARKS = new Set([
  '$schema',
  'title',
  'description',
  'definitions',
  'then',
  'else',
  'errorMessage',
  'patternErrorMessage',
  'otherKeys',
]);

type Keyword = (value: unknown, rule: unknown, schema: Schema, root: Schema) => boolean;

/**
 * Whether a value is what a JSON schema (draft-07, as far as this project's own one goes) allows. It says nothing of what
 * is wrong, and takes a hundredth of the time in which a validator that can is compiled.
 */
export function fits(value: unknown, schema: Schema, root: Schema): boolean {
  for (const keyword in schema) {
    if (REMARKS.has(keyword)) continue;
    const isMet = KEYWORDS[keyword];
    if (isMet === undefined)
      throw new Error(`The schema's keyword "${keyword}" is unknown. This is a bug in plan.`);
    if (!isMet(value, schema[keyword], schema, root)) return false;
  }
  return true;
}

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  null: (value) => value === null,
  array: Array.isArray,
  object: isMap,
};

const patterns = new Map<string, RegExp>();

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  $ref: (value, path, _schema, root) =>
    fits(value, (root['definitions'] as Parts)[String(path).replace('#/definitions/', '')] ?? {}, root),
  type: (value, types) => [types].flat().some((type) => TYPES[String(type)]?.(value)),
  const: (value, only) => value === only,
  enum: (value, some) => (some as readonly unknown[]).includes(value),
  pattern: (value, pattern) => typeof value !== 'string' || matches(value, String(pattern)),
  minLength: (value, least) => typeof value !== 'string' || Array.from(value).length >= Number(least),
  minimum: (value, least) => typeof value !== 'number' || value >= Number(least),
  maximum: (value, most) => typeof value !== 'number' || value <= Number(most),
  minItems: (value, least) => !Array.isArray(value) || value.length >= Number(least),
  uniqueItems: (value) => !Array.isArray(value) || new Set(value).size === value.length,
  items: (value, of, _schema, root) =>
    !Array.isArray(value) || value.every((item) => fits(item, of as Schema, root)),
  minProperties: (value, least) => !isMap(value) || Object.keys(value).length >= Number(least),
  required: (value, keys) => !isMap(value) || (keys as readonly string[]).every((key) => has(value, key)),
  propertyNames: (value, of, _schema, root) =>
    !isMap(value) || Object.keys(value).every((key) => fits(key, of as Schema, root)),
  properties: (value, of, _schema, root) =>
    !isMap(value) ||
    Object.entries(of as Parts).every(([key, part]) => !has(value, key) || fits(value[key], part, root)),
  patternProperties: (value, of, _schema, root) =>
    !isMap(value) ||
    Object.entries(of as Parts).every(([pattern, part]) =>
      Object.keys(value).every((key) => !matches(key, pattern) || fits(value[key], part, root)),
    ),
  additionalProperties: (value, of, { properties = {}, patternProperties = {} }, root) =>
    !isMap(value) ||
    Object.keys(value).every(
      (key) =>
        has(properties as Parts, key) ||
        Object.keys(patternProperties as Parts).some((pattern) => matches(key, pattern)) ||
        (typeof of === 'object' ? fits(value[key], of as Schema, root) : of !== false),
    ),
  dependencies: (value, of, _schema, root) =>
    !isMap(value) ||
    Object.entries(of as Parts).every(([key, part]) => !has(value, key) || fits(value, part, root)),
  not: (value, of, _schema, root) => !fits(value, of as Schema, root),
  anyOf: (value, some, _schema, root) => (some as readonly Schema[]).some((part) => fits(value, part, root)),
  if: (value, of, schema, root) =>
    fits(value, (schema[fits(value, of as Schema, root) ? 'then' : 'else'] ?? {}) as Schema, root),
};

type Parts = Readonly<Record<string, Schema>>;

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function has(map: object, key: string): boolean {
  return Object.hasOwn(map, key);
}

function matches(text: string, pattern: string): boolean {
  const compiled = patterns.get(pattern) ?? new RegExp(pattern, 'u');
  patterns.set(pattern, compiled);
  return compiled.test(text);
}
