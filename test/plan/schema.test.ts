import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { BUILT_IN_ATTRIBUTES } from '../../src/machine.ts';
import { HELPERS } from '../../src/plan/template-helpers.ts';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly description?: string;
  readonly [key: string]: unknown;
}

const path = join(import.meta.dirname, '../../schemas/launch-plan.schema.json');
const schema = JSON.parse(readFileSync(path, 'utf8')) as Schema & {
  readonly definitions: Record<string, Schema>;
};

describe('the schema', () => {
  it('is a valid draft-07 schema', () => {
    const ajv = new Ajv({ strict: false });
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(schema['$schema']).toBe('http://json-schema.org/draft-07/schema#');
  });

  it('describes every key', () => {
    const bare: string[] = [];
    walk(schema, (part, at) => {
      for (const [key, value] of Object.entries(part.properties ?? {}))
        if (value.description === undefined) bare.push(`${at}/${key}`);
    });
    expect(bare).toEqual([]);
  });

  it('refers only to definitions that there are, and to all of them', () => {
    const used = new Set<string>(['levelFile']);
    walk(schema, (part) => {
      if (typeof part['$ref'] === 'string') used.add(part['$ref'].replace('#/definitions/', ''));
    });
    expect([...used].sort()).toEqual(Object.keys(schema.definitions).sort());
  });

  it('refuses the names of built-in attributes and helpers as outputs', () => {
    const pattern = new RegExp(String(schema.definitions['outputName']?.['pattern']), 'u');
    const taken = [...BUILT_IN_ATTRIBUTES, ...Object.keys(HELPERS), 'all', 'machines', 'if', 'each'];
    expect(taken.filter((name) => pattern.test(name))).toEqual([]);
    expect(['port', 'db_url', 'a-b', 'nameOf'].filter((name) => !pattern.test(name))).toEqual([]);
  });
});

function walk(part: unknown, visit: (part: Schema, at: string) => void, at = '#'): void {
  if (typeof part !== 'object' || part === null) return;
  if (!Array.isArray(part)) visit(part as Schema, at);
  for (const [key, value] of Object.entries(part)) walk(value, visit, `${at}/${key}`);
}
