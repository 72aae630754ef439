import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatProblems } from '../../src/plan/diagnostic.ts';
import { readPlan, resolvePlan } from '../../src/plan/load.ts';
import { memory } from './memory.ts';

const good = readFileSync(join(import.meta.dirname, '../fixtures/plan/right/full.yml'), 'utf8');
const schema = readFileSync(join(import.meta.dirname, '../../schemas/launch-plan.schema.json'), 'utf8');
const KEYS = [...new Set([...schema.matchAll(/"([a-zA-Z]+)":/g)].map(([, key]) => key ?? ''))];

/** Reads, resolves and formats; fails when anything throws or the result is inconsistent. */
function survive(bytes: Buffer | string): void {
  const files = {
    'plan.yml': bytes,
    'levels/data.yml': bytes,
    'scripts/ok.sh': '#!/bin/sh\n',
    conf: '{{self.name}}',
  };
  const document = readPlan('/plans/plan.yml', memory(files));
  for (const need of ['all', 'teardown', 'none'] as const) {
    const inputs = {
      flags: ['token=a', 'workers=2'],
      files: ['/plans/conf'],
      recorded: { release: '1' },
      env: { DEBUG: 'true' },
    };
    const { plan, problems, warnings } = resolvePlan(document, { deployment: null, inputs, need });
    expect(plan === null).toBe(problems.length > 0);
    expect(formatProblems([...problems, ...warnings])).toBeTypeOf('string');
    for (const problem of problems)
      expect(Math.min(problem.line, problem.column, problem.length)).toBeGreaterThan(0);
  }
}

const scalar = fc.oneof(
  fc.constantFrom(
    '',
    '~',
    'true',
    '1.10',
    '-1',
    '0x1F',
    '5m',
    '"{{inputs.workers}}"',
    '"{{self.name}}"',
    '{{x}}',
    '*a',
    '&a b',
  ),
  fc.constantFrom(
    '"{{services.web.all.port}}"',
    'local',
    'scripts/ok.sh',
    'conf',
    '.',
    '/',
    '..',
    'levels/data.yml',
    '!!str 1',
    '|\n x',
  ),
  fc.constantFrom(
    '"{{#each services.web.machines}}{{name}}{{/each}}"',
    '.inf',
    '.nan',
    '1e999',
    '"{{default x"',
    '"\\0"',
  ),
  fc.string(),
);

const tree = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    scalar,
    fc.array(tie('node'), { maxLength: 4 }),
    fc
      .array(
        fc.tuple(
          fc.constantFrom(...KEYS, '<<', 'x-a', 'web', 'db', '__proto__', 'constructor', 'a b'),
          tie('node'),
        ),
        { maxLength: 6 },
      )
      .map((entries) => ({ entries })),
  ),
})).node;

function yamlOf(node: unknown): string {
  if (typeof node === 'string') return node.includes('\n') ? JSON.stringify(node) : node;
  if (Array.isArray(node)) return `[${node.map(yamlOf).join(', ')}]`;
  const { entries } = node as { readonly entries: readonly (readonly [string, unknown])[] };
  return `{${entries.map(([key, value]) => `${key}: ${yamlOf(value)}`).join(', ')}}`;
}

describe('readPlan() and resolvePlan() never throw', () => {
  it('whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => survive(Buffer.from(bytes))),
      { numRuns: 150 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => survive(text)),
      { numRuns: 150 },
    );
  });

  it('whatever tree is built of the keys of the language', () => {
    fc.assert(
      fc.property(tree, (node) => survive(yamlOf(node))),
      { numRuns: 150 },
    );
    const levels = fc.tuple(tree, tree, tree);
    fc.assert(
      fc.property(levels, ([service, inputs, defaults]) =>
        survive(
          `version: 1\nname: x\ninputs: ${yamlOf(inputs)}\ndefaults: ${yamlOf(defaults)}\nlevels: [{ name: a, services: { web: ${yamlOf(service)} } }]`,
        ),
      ),
      { numRuns: 150 },
    );
  });

  it('however a good plan is damaged', () => {
    const damage = fc.array(
      fc.tuple(
        fc.nat(good.length),
        fc.nat(30),
        fc.oneof(scalar, fc.constantFrom('{', '}', '[', ': ', '- ', '\n', '\t', '"', '{{', '}}')),
      ),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(damage, (cuts) => {
        let text = good;
        for (const [at, length, insert] of cuts) text = text.slice(0, at) + insert + text.slice(at + length);
        survive(text);
      }),
      { numRuns: 150 },
    );
  });
});
