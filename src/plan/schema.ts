import { readFileSync } from 'node:fs';
import type { ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import type { Problem } from './diagnostic.ts';
import type { Node } from './node.ts';
import { plainValue } from './node.ts';
import type { ShapeError } from './shape-mistake.ts';
import { shapeProblems } from './shape-problem.ts';

/** The parts of the schema that a whole file may hold. */
export type Shape = 'plan' | 'levelFile' | 'inventory';

const CALLED = { plan: 'the plan', levelFile: 'the level', inventory: 'the inventory' } as const;

let compiled: Record<Shape, ValidateFunction> | undefined;

/** Everything in a file's values that the plan language's schema does not allow. */
export function validateShape(root: Node, shape: Shape): readonly Problem[] {
  compiled ??= compile();
  const validate = compiled[shape];
  if (validate(plainValue(root))) return [];
  const errors = (validate.errors ?? []) as readonly ShapeError[];
  return shapeProblems(root, errors, CALLED[shape]);
}

function compile(): Record<Shape, ValidateFunction> {
  const file = new URL('../../schemas/launch-plan.schema.json', import.meta.url);
  const schema = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const ajv = new Ajv({
    allErrors: true,
    strict: false,
    verbose: true,
    validateFormats: false,
    // The rest is about the time that compiling takes; a test checks the schema itself.
    validateSchema: false,
    meta: false,
    code: { optimize: false },
  });
  ajv.addSchema(schema, 'plan');
  const plan = ajv.getSchema('plan');
  const levelFile = ajv.getSchema('plan#/definitions/levelFile');
  const inventory = ajv.getSchema('plan#/definitions/hostList');
  if (plan === undefined || levelFile === undefined || inventory === undefined)
    throw new Error('The schema lacks a part. This is a bug in plan.');
  return { plan, levelFile, inventory };
}
