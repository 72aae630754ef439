import fc from 'fast-check';
import Handlebars from 'handlebars';
import { describe, expect, it } from 'vitest';
import {
  checkTemplate,
  compileTemplate,
  referencesOf,
  render,
  TemplateError,
} from '../../src/plan/template.ts';
import { scope, shape } from './template-support.ts';

/** Every position in which a path may stand; `P` is the path. */
const POSITIONS = [
  '{{P}}',
  '{{{P}}}',
  '{{&P}}',
  '{{~P~}}',
  '{{json P}}',
  '{{quote P}}',
  '{{default P "x"}}',
  '{{default "x" P}}',
  '{{eq P 1}}',
  '{{eq 1 P}}',
  '{{join P ","}}',
  '{{join services.db.all.port P}}',
  '{{json (default (default P 1) 2)}}',
  '{{lookup P 0}}',
  '{{lookup services.db.all.port P}}',
  '{{#if P}}{{/if}}',
  '{{#unless P}}{{/unless}}',
  '{{^if P}}{{/if}}',
  '{{#if inputs.flag includeZero=P}}{{/if}}',
  '{{#if inputs.zero}}{{else if P}}{{/if}}',
  '{{#if (eq P 1)}}{{/if}}',
  '{{#each P}}{{/each}}',
  '{{#each P as |v k|}}{{v}}{{k}}{{/each}}',
  '{{#with P}}{{/with}}',
  '{{#with P as |v|}}{{v}}{{/with}}',
  '{{#each services.db.machines}}{{@root.P}}{{/each}}',
  '{{#each services.db.machines}}{{../P}}{{/each}}',
  '{{#each services.db.machines as |m|}}{{m.P}}{{/each}}',
  '{{#each services.db.machines}}{{P}}{{/each}}',
  '{{#each services.db.machines}}{{this.P}}{{/each}}',
  '{{#each services.db.machines}}{{#if ./P}}{{/if}}{{/each}}',
  '{{#each services.none.machines}}{{else}}{{P}}{{/each}}',
  '{{#with services}}{{db.P}}{{/with}}',
  '{{#with services.db as |d|}}{{d.P}}{{/with}}',
  '{{#with services.db as |d|}}{{json d.all.P}}{{/with}}',
  '{{#with services.db as |d|}}{{#each d.machines as |m|}}{{json (lookup m "P")}}{{/each}}{{/with}}',
  '{{#each services.db.all.port}}{{this.P}}{{/each}}',
  '{{services.db.P}}',
  '{{json services.db.all.P}}',
  '{{json services.db.machines.[0].P}}',
  '{{json (lookup services.db "P")}}',
  '{{json (lookup inputs "P")}}',
  '{{json (lookup services.db.all.port "P")}}',
  '{{inputs.P}}',
  '{{self.P}}',
  '{{deployment.P}}',
  '{{inputs.count.P}}',
];

const PROTOTYPE_NAMES = [
  'constructor',
  '__proto__',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
  'length',
];
const unknownName = fc
  .oneof(fc.stringMatching(/^[a-z][a-zA-Z0-9_-]{0,8}$/), fc.constantFrom(...PROTOTYPE_NAMES))
  .filter(
    (name) =>
      !/^(?:name|index|hostname|port|publicIp|all|machines|inputs|services|self|deployment|this|as|else|null|true|false|undefined|join|json|quote|default|eq|lookup|if|unless|each|with|count|flag|zero|empty|html|quoted|nul)$/.test(
        name,
      ),
  );

function rendered(text: string): string {
  const compiled = compileTemplate(text);
  if (!compiled.ok) return `? ${compiled.problem.message}`;
  try {
    return render(compiled.template, scope);
  } catch (error) {
    if (error instanceof TemplateError) return `! ${error.message}`;
    throw error;
  }
}

function problemsOf(text: string): readonly string[] {
  const compiled = compileTemplate(text);
  if (!compiled.ok) return [compiled.problem.message];
  return checkTemplate(compiled.template, shape).map(({ message }) => message);
}

describe('an unknown name', () => {
  it.each(POSITIONS)('is an error in %s, checked and rendered', (position) => {
    fc.assert(
      fc.property(unknownName, (name) => {
        const text = position.replaceAll('P', () => name);
        expect(problemsOf(text).join()).toContain(name);
        expect(rendered(text)).toMatch(/^!/);
      }),
      { numRuns: 25 },
    );
  });
});

/** Pieces that Handlebars reads, right and wrong, in any order. */
const piece = fc.constantFrom(
  ...[
    '{{',
    '}}',
    '{{{',
    '}}}',
    '{{#if ',
    '{{#each ',
    '{{#with ',
    '{{/if}}',
    '{{/each}}',
    '{{/with}}',
    '{{else}}',
    '{{^}}',
    '{{~',
    '~}}',
  ],
  ...[
    '{{!',
    '{{!--',
    '--}}',
    '{{>',
    '{{*',
    '{{{{',
    '}}}}',
    '\\',
    '\\{{',
    ' ',
    '\n',
    '\r\n',
    '.',
    '/',
    '../',
    '@',
    '@root',
    '(',
    ')',
    '|',
    ' as |m|',
  ],
  ...[
    '[',
    ']',
    '"',
    "'",
    '=',
    'inputs.count',
    'services.db.machines',
    'services.db.port',
    'this',
    'm',
    'json ',
    'lookup ',
    '0',
    '1.5',
    'null',
    'é\u2028',
    '\0',
  ],
);

describe('compileTemplate()', () => {
  it('never throws, points into the text, and what it accepts can be checked and rendered', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const compiled = compileTemplate(text);
        const problems = compiled.ok ? checkTemplate(compiled.template, shape) : [compiled.problem];
        for (const { message, offset, length } of problems) {
          expect(message).not.toBe('');
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(length).toBeGreaterThanOrEqual(0);
          expect(offset + length).toBeLessThanOrEqual(text.length);
        }
        const result = rendered(text);
        if (problems.length === 0) expect(result).not.toMatch(/^!.*is unknown/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps texts without braces as they are', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((text) => !text.includes('{{')),
        (text) => {
          expect(rendered(text)).toBe(text);
          expect(problemsOf(text)).toEqual([]);
        },
      ),
    );
  });
});

/** The scope as plain data, for Handlebars itself. */
const plain = {
  inputs: scope.inputs,
  deployment: scope.deployment,
  self: scope.self,
  services: {
    db: {
      hostname: 'h0',
      port: '50',
      all: { hostname: ['h0', 'h1'], port: ['50', '51'] },
      machines: scope.machines('db'),
    },
  },
};

const oracle = Handlebars.create();
oracle.registerHelper('join', (list: readonly string[], separator: string) => list.join(separator));
oracle.registerHelper('default', (value: unknown, fallback: unknown) =>
  value === null || value === '' ? fallback : value,
);
oracle.registerHelper('eq', (a: unknown, b: unknown) => String(a) === String(b));

const gap = fc.constantFrom('', ' ', 'a', '\n', '\r\n', ' \n  ', 'x\n', '{{! c }}', 'x\\{{b}} ', '"&<');
const braces = fc.constantFrom(['{{', '}}'], ['{{~', '}}'], ['{{', '~}}'], ['{{{', '}}}'], ['{{&', '}}']);

function tag(inner: string): fc.Arbitrary<string> {
  return braces.map(([open = '', close = '']) => `${open}${inner}${close}`);
}

/**
 * Handlebars takes no step for `../` where a block enters the value that it is in already; here every `#each` and
 * `#with` is a step, so that what `../` means can be seen. So `../` is compared one block deep. And it adds up
 * numbers and booleans that it should write one after the other: a text follows every output.
 *
 * Well-formed templates over `plain`: `at` leads to the root, `values` are what is bound.
 */
function body(depth: number, at: string, values: readonly string[]): fc.Arbitrary<string> {
  const root = (path: string): string => `${at}${path}`;
  const value = fc.constantFrom(
    ...values,
    ...[
      'inputs.count',
      'inputs.flag',
      'inputs.zero',
      'inputs.empty',
      'inputs.html',
      'services.db.port',
      'self.name',
      '@root.deployment.name',
    ].map((path) => (path.startsWith('@') ? path : root(path))),
  );
  const expression = fc.oneof(
    value,
    value.map((path) => `default ${path} "x"`),
    fc.tuple(value, value).map(([a, b]) => `eq ${a} ${b}`),
    fc.constant(`join ${root('services.db.all.port')} "-"`),
    fc.constant(`default (join ${root('services.db.all.hostname')} "") 1`),
  );
  const output = fc
    .tuple(
      fc.constantFrom('', 'x\\\\'),
      expression.chain((inner) => tag(inner)),
    )
    .map((parts) => `${parts.join('')}|`);
  if (depth === 0) return fc.array(fc.oneof(output, gap), { maxLength: 4 }).map((parts) => parts.join(''));
  const inner = body(depth - 1, at, values);
  const strip = fc.constantFrom('', '~');
  const condition = fc.oneof(
    value,
    fc.tuple(value, value).map(([a, b]) => `(eq ${a} ${b})`),
  );
  const branch = fc
    .tuple(
      fc.constantFrom('if', 'unless'),
      condition,
      strip,
      inner,
      inner,
      fc.constantFrom('', ' includeZero=true'),
    )
    .map(
      ([name, test, s, yes, no, hash]) =>
        `{{${s}#${name} ${test}${hash}${s}}}${yes}{{else${s}}}${no}{{${s}/${name}}}`,
    );
  const up = at === '' ? '../' : '@root.';
  const each = fc
    .tuple(
      strip,
      body(depth - 1, up, ['hostname', 'this.port', '@index', '@key', '@first', '@last', 'm.hostname', 'i']),
      inner,
    )
    .map(
      ([s, loop, none]) =>
        `{{#each ${root('services.db.machines')} as |m i|${s}}}${loop}{{^}}${none}{{/each}}`,
    );
  const list = fc
    .tuple(strip, body(depth - 1, '@root.', ['this', '.', '@index']))
    .map(([s, loop]) => `{{#each ${root('services.db.all.port')}}}${loop}{{${s}/each}}`);
  const scoped = fc
    .tuple(value, body(depth - 1, up, ['this', 'v']), inner)
    .map(([path, entered, none]) => `{{#with ${path} as |v|}}${entered}{{else}}${none}{{/with}}`);
  const entered = body(depth - 1, up, ['hostname', 'd.port']).map(
    (text) => `{{#with ${root('services.db')} as |d|}}${text}{{/with}}`,
  );
  return fc
    .array(fc.oneof(output, gap, branch, each, list, scoped, entered), { maxLength: 4 })
    .map((parts) => parts.join(''));
}

describe('render()', () => {
  it('agrees with Handlebars wherever Handlebars is right', () => {
    fc.assert(
      fc.property(body(3, '', []), (text) => {
        expect(problemsOf(text)).toEqual([]);
        expect(rendered(text)).toBe(oracle.compile(text, { noEscape: true })(plain));
      }),
      { numRuns: 250 },
    );
  });
});

describe('referencesOf()', () => {
  it('names everything that rendering asks for', () => {
    fc.assert(
      fc.property(body(2, '', []), (text) => {
        const compiled = compileTemplate(text);
        if (!compiled.ok) throw new Error(text);
        const read = { inputs: new Set<string>(), services: new Set<string>() };
        const spy = new Proxy(scope.inputs, {
          get(inputs, name: string) {
            read.inputs.add(name);
            return Reflect.get(inputs, name) as unknown;
          },
        });
        const machines = (service: string): ReturnType<typeof scope.machines> => {
          read.services.add(service);
          return scope.machines(service);
        };
        render(compiled.template, { ...scope, inputs: spy, machines });
        const { inputs, services } = referencesOf(compiled.template);
        expect([...inputs]).toEqual(expect.arrayContaining([...read.inputs]));
        expect([...services]).toEqual(expect.arrayContaining([...read.services]));
      }),
      { numRuns: 150 },
    );
  });
});
