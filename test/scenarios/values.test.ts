import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { openScenario, textOf } from './scenario.ts';

const AWKWARD = [
  '',
  ' ',
  '  spaces around  ',
  `'single' "double" \`backtick\``,
  '$HOME ${HOME} $(id) `id` $$ $1 "$@" \\$x \\\\ \\n',
  'line one\nline two\n',
  '\n\n\nleading and trailing newlines\n\n\n',
  'tab\tcarriage\rreturn\r\n',
  'ünïcödé 漢字 🚀 \u2028 \u00a0 \ufeff',
  '-n',
  '--',
  '* ? [a-z] ~ ~root ; & | < > # ! { } ( )',
  'EOF\nEND\n',
  '%s %d %% \\0 \\x41',
  '\u0001\u0007\u001b[31m\u007f',
  '{ "json": [1, null] } }} {',
  'x'.repeat(100 * 1024),
  "quotes'".repeat(15 * 1024),
];

/** What can be a value in a plan that is no template; it reaches an env, so NUL is out. */
const value = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc
      .array(fc.constantFrom('$', '`', '"', "'", '\\', '\n', ' ', '\r', '\t', '!', '%', 'a', 'é'))
      .map((parts) => parts.join('')),
  )
  .filter((text) => !text.includes('\0') && !text.includes('{{'));

const REPORT = `#!/usr/bin/env node
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
const count = Number(process.env.COUNT);
const numbers = Array.from({ length: count }, (_, i) => i);
const seen = {
  env: numbers.map((i) => process.env['VALUE_' + i]),
  args: process.argv.slice(2),
  files: numbers.map((i) => readFileSync('files/' + i, 'utf8')),
};
writeFileSync(process.env.SHARED + '/' + process.env.PLAN_MACHINE + '.json', JSON.stringify(seen));
const { self } = JSON.parse(readFileSync(process.env.PLAN_ATTRIBUTES, 'utf8'));
if (self.name !== process.env.PLAN_MACHINE) throw new Error(self.name);
if (process.env.PLAN_SERVICE === 'first')
  for (const i of numbers) appendFileSync(process.env.PLAN_OUTPUT, \`v\${i}<<END-\${i}-END\\n\${seen.env[i]}\\nEND-\${i}-END\\n\`);
`;

/** Gives values as env, args and files to one machine, which reports them as outputs to another. */
async function carry(values: readonly string[]): Promise<Record<string, unknown>> {
  await using space = await openScenario({ 'report.mjs': REPORT });
  const numbers = values.map((_, i) => i);
  const template = values.map((_, i) => `{{services.first.v${i}}}`);
  await space.plan(
    'values',
    `levels: ${JSON.stringify([
      { name: 'one', services: { first: { ...serviceOf(values), outputs: numbers.map((i) => `v${i}`) } } },
      { name: 'two', services: { second: serviceOf(template) } },
    ])}\n`,
  );
  const up = await space.run(['up', 'values.yml']);
  expect(up.code, up.stderr.slice(0, 2_000)).toBe(0);
  const { outputs } = (await space.machines('values')).get('first-0') ?? {};
  return {
    outputs: numbers.map((i) => outputs?.[`v${i}`]),
    first: JSON.parse(await textOf(space, 'first-0.json')) as unknown,
    second: JSON.parse(await textOf(space, 'second-0.json')) as unknown,
  };

  function serviceOf(contents: readonly string[]): object {
    return {
      env: {
        SHARED: space.shared,
        COUNT: String(contents.length),
        ...Object.fromEntries(contents.map((content, i) => [`VALUE_${i}`, content])),
      },
      files: contents.map((content, i) => ({ content, target: `files/${i}` })),
      bootstrap: { script: 'report.mjs', args: contents },
    };
  }
}

async function arrives(values: readonly string[]): Promise<void> {
  const seen = { env: values, args: values, files: values };
  expect(await carry(values)).toEqual({ outputs: values, first: seen, second: seen });
}

it('values arrive byte for byte through env, args, files and outputs', async () => {
  await arrives(AWKWARD);
});

it('any value does', async () => {
  await fc.assert(fc.asyncProperty(fc.array(value, { minLength: 20, maxLength: 30 }), arrives), {
    numRuns: 4,
    endOnFailure: true,
  });
});

it('a string that the system does not take fails the bootstrap with words', async () => {
  const space = await openScenario();
  onTestFinished(() => space[Symbol.asyncDispose]());
  await space.plan(
    'large',
    `levels: [{ name: only, services: { big: { env: { BIG: "${'x'.repeat(200 * 1024)}" }, bootstrap: { run: "true" } } } }]\n`,
  );
  expect((await space.run(['up', 'large.yml'])).code).toBe(1);
  expect((await space.machines('large')).get('big-0')?.failure).toMatchObject({
    step: 'bootstrap',
    message: expect.stringMatching(/BIG/) as unknown,
  });
});
