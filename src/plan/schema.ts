import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as ajv from 'ajv';
import type { Problem } from './diagnostic.ts';
import { fits } from './fits.ts';
import type { Schema } from './fits.ts';
import type { Node } from './node.ts';
import { plainValue } from './node.ts';
import type { ShapeError } from './shape-mistake.ts';
import { shapeProblems } from './shape-problem.ts';

/** The parts of the schema that a whole file may hold. */
export type Shape = 'plan' | 'levelFile' | 'inventory';

const CALLED = { plan: 'the plan', levelFile: 'the level', inventory: 'the inventory' } as const;
const REFERENCES = {
  plan: 'plan',
  levelFile: 'plan#/definitions/levelFile',
  inventory: 'plan#/definitions/hostList',
} as const;
const DEFINITIONS = { levelFile: 'levelFile', inventory: 'hostList' } as const;

let read: Schema | undefined;
const compiled = new Map<Shape, ajv.ValidateFunction>();

/**
 * Everything in a file's values that the plan language's schema does not allow. What can tell mistakes is loaded and
 * compiled when there is one.
 */
export function validateShape(root: Node, shape: Shape): readonly Problem[] {
  const value = plainValue(root);
  if (fitsShape(value, shape)) return [];
  const validate = validatorOf(shape);
  if (validate(value)) return [];
  const errors = (validate.errors ?? []) as readonly ShapeError[];
  return shapeProblems(root, errors, CALLED[shape]);
}

/** Whether a file of this shape may hold these values. */
export function fitsShape(value: unknown, shape: Shape): boolean {
  const schema = readSchema();
  const definitions = schema['definitions'] as Readonly<Record<string, Schema>>;
  return fits(value, shape === 'plan' ? schema : (definitions[DEFINITIONS[shape]] ?? {}), schema);
}

/** What tells every mistake among such values. */
export function validatorOf(shape: Shape): ajv.ValidateFunction {
  const validate = compiled.get(shape) ?? compile(shape);
  compiled.set(shape, validate);
  return validate;
}

function compile(shape: Shape): ajv.ValidateFunction {
  const { Ajv } = createRequire(import.meta.url)('ajv') as typeof ajv;
  const validator = new Ajv({
    allErrors: true,
    strict: false,
    verbose: true,
    validateFormats: false,
    // The rest is about the time that compiling takes; a test checks the schema itself.
    validateSchema: false,
    meta: false,
    code: { optimize: false },
  });
  validator.addSchema(readSchema(), 'plan');
  const validate = validator.getSchema(REFERENCES[shape]);
  if (validate === undefined) throw new Error('The schema lacks a part. This is a bug in plan.');
  return validate;
}

function readSchema(): Schema {
  const file = new URL('../../schemas/launch-plan.schema.json', import.meta.url);
  read ??= JSON.parse(readFileSync(file, 'utf8')) as Schema;
  return read;
}
