import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { fits } from '../../src/plan/fits.ts';
import { fitsShape, validatorOf } from '../../src/plan/schema.ts';

const fixtures = ['right', 'wrong'].flatMap((kind) => {
  const directory = join(import.meta.dirname, '../fixtures/plan', kind);
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.yml')).map((name) => join(directory, name));
});

/** Undefined: it is no YAML, or holds itself. */
function valueOf(path: string): unknown {
  try {
    const value: unknown = parse(readFileSync(path, 'utf8'), {
      merge: true,
      uniqueKeys: false,
      logLevel: 'silent',
    });
    JSON.stringify(value);
    return value;
  } catch {
    return undefined;
  }
}

const values = fixtures.map(valueOf).filter((value) => value !== undefined);

const strange = fc.oneof(
  fc.constantFrom<unknown>('', 'a', 'A b', '1s', '10', '{{inputs.x}}', 0, 1, -1, 1.5, 70_000, true, null),
  fc.constantFrom<unknown>([], {}, ['a', 'a'], [{}], { run: 'true' }, { build: '.' }, { min: 1, max: 0 }),
);

/** Every place in a value: the keys that lead there. */
function placesIn(value: unknown, at: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, part]) => placesIn(part, [...at, key]))];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (typeof value !== 'object' || value === null) return value;
  const copy = structuredClone(value) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

describe('fits()', () => {
  it('says of every fixture what the validator says', () => {
    for (const shape of ['plan', 'levelFile', 'inventory'] as const)
      expect(values.map((value) => fitsShape(value, shape))).toEqual(
        values.map((value) => validatorOf(shape)(value)),
      );
  });

  it('says of plans in which something was replaced or added what the validator says', () => {
    const keys = fc.constantFrom(
      'type',
      'hosts',
      'inventory',
      'image',
      'script',
      'run',
      'content',
      'nonsense',
    );
    fc.assert(
      fc.property(fc.constantFrom(...values), fc.nat(), strange, fc.option(keys), (value, n, by, key) => {
        const places = placesIn(value);
        const place = places[n % places.length] ?? [];
        const changed = replaced(value, key === null ? place : [...place.slice(0, -1), key], by);
        expect(fitsShape(changed, 'plan')).toBe(validatorOf('plan')(changed));
      }),
      { numRuns: 2_000 },
    );
  });

  it('says of lists of hosts what the validator says', () => {
    const host = fc.oneof(
      strange,
      fc.string(),
      fc.record({ address: strange, port: strange, labels: strange }, { requiredKeys: [] }),
    );
    fc.assert(
      fc.property(fc.array(host), (hosts) => {
        expect(fitsShape(hosts, 'inventory')).toBe(validatorOf('inventory')(hosts));
      }),
    );
  });

  it('does not guess what a keyword means', () => {
    expect(() => fits(1, { multipleOf: 2 }, {})).toThrow('bug in plan');
  });
});
