import { nearest } from '../nearest.ts';

/** One thing that the validator says about a value; several may stem from one mistake. */
export interface ShapeError {
  /** JSON pointer of the value. */
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** The part of the schema that holds the keyword. */
  readonly parentSchema?: SchemaPart;
  /** Set when it is about the name of a key. */
  readonly propertyName?: string;
  readonly message?: string;
}

/** A part of the schema, as far as messages use it. */
export interface SchemaPart {
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, unknown>>;
  /** Keys that would make it something else: `tcp` in a check that runs a script. */
  readonly otherKeys?: readonly string[];
  readonly anyOf?: readonly { readonly enum?: unknown; readonly required?: readonly string[] }[];
  readonly pattern?: string;
  readonly errorMessage?: string;
  readonly patternErrorMessage?: string;
}

/** Keywords whose errors only repeat what the errors inside them say. */
const ECHOES = new Set(['if', 'propertyNames']);

/** The errors that tell the mistakes; those that only follow from another one are left out. */
export function mistakesAmong(errors: readonly ShapeError[]): readonly ShapeError[] {
  const mistyped = new Set<string>();
  const choices = new Map<string, string[]>();
  const meant = new Map<string, Set<string>>();
  for (const error of errors) {
    const { instancePath, keyword } = error;
    if (keyword === 'type') mistyped.add(instancePath);
    if (keyword === 'anyOf' || keyword === 'not')
      choices.set(instancePath, [...(choices.get(instancePath) ?? []), `${error.schemaPath}/`]);
    if (keyword === 'additionalProperties') {
      const keys = meant.get(instancePath) ?? new Set();
      for (const key of keysMeant(error)) keys.add(key);
      meant.set(instancePath, keys);
    }
  }
  return errors.filter((error) => {
    if (ECHOES.has(error.keyword)) return false;
    if (mistyped.has(error.instancePath) && error.keyword !== 'type') return false;
    if (choices.get(error.instancePath)?.some((choice) => error.schemaPath.startsWith(choice))) return false;
    const keys = meant.get(error.instancePath);
    return keys === undefined || !missingKeys(error).some((key) => keys.has(key));
  });
}

/** The keys that may stand where an unknown one does. */
export function knownKeys(schema: SchemaPart): readonly string[] {
  return [...Object.keys(schema.properties ?? {}), ...(schema.otherKeys ?? [])];
}

/** What an unknown key was probably meant to be; with one of the other keys, nothing else would be missing. */
function keysMeant({ parentSchema = {}, params }: ShapeError): readonly string[] {
  const known = knownKeys(parentSchema);
  const key = nearest(String(params['additionalProperty']), known);
  if (key === null) return [];
  return parentSchema.otherKeys?.includes(key) === true ? known : [key];
}

function missingKeys({ keyword, params, parentSchema }: ShapeError): readonly string[] {
  if (keyword === 'required') return [String(params['missingProperty'])];
  return keyword === 'anyOf' ? (parentSchema?.anyOf?.flatMap((choice) => choice.required ?? []) ?? []) : [];
}
