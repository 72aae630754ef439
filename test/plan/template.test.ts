import { describe, expect, it } from 'vitest';
import {
  checkTemplate,
  compileTemplate,
  isLiteral,
  literal,
  referencesOf,
  render,
  TemplateError,
} from '../../src/plan/template.ts';
import type { Template } from '../../src/plan/template.ts';
import { scope, shape } from './template-support.ts';

function compile(text: string): Template {
  const compiled = compileTemplate(text);
  if (!compiled.ok) throw new Error(`${text}: ${compiled.problem.message}`);
  return compiled.template;
}

/** What a template is worth in the example scope, or why it is worth nothing. */
function outcome(text: string): string {
  try {
    return render(compile(text), scope);
  } catch (error) {
    if (error instanceof TemplateError) return `! ${error.message}`;
    throw error;
  }
}

/** The problems of a text, each as `message @ part of the text [suggestion]`. */
function problems(text: string): readonly string[] {
  const compiled = compileTemplate(text);
  const found = compiled.ok ? checkTemplate(compiled.template, shape) : [compiled.problem];
  return found.map(({ message, offset, length, suggestion }) => {
    const hint = suggestion === null ? '' : ` [${suggestion}]`;
    return `${message} @ ${text.slice(offset, offset + length)}${hint}`;
  });
}

describe('render()', () => {
  it.each([
    ['plain text', 'plain text'],
    ['a \\ b }} c', 'a \\ b }} c'],
    ['http://{{services.db.hostname}}:{{services.db.port}}', 'http://h0:50'],
    ['{{join services.db.all.hostname ","}}', 'h0,h1'],
    ['{{join services.none.all.hostname ","}}', ''],
    ['{{services.db.machines.0.hostname}} {{services.db.machines.[1].hostname}}', 'h0 h1'],
    ['{{services.db.all.port.[1]}}', '51'],
    ['{{lookup services.db.all.port self.index}}', '51'],
    ['{{lookup services.db.machines.[0] "port"}}', '50'],
    ['{{lookup (lookup services "db") "port"}}', '50'],
    ['{{inputs.count}} {{inputs.flag}} {{deployment.name}} {{self.name}}', '3 true prod web-1'],
    ['{{{inputs.html}}} {{inputs.html}} {{&inputs.html}}', '<a&"b\'> <a&"b\'> <a&"b\'>'],
    ['{{default self.publicIp "none"}} {{default inputs.empty "x"}} {{default inputs.zero "x"}}', 'none x 0'],
    ['{{quote inputs.quoted}}', `'it'\\''s $HOME'`],
    ['{{quote inputs.empty}}', "''"],
    [
      '{{json services.db.all.port}} {{json inputs.quoted}} {{json self.publicIp}}',
      '["50","51"] "it\'s $HOME" null',
    ],
    [
      '{{eq self.index 1}} {{eq inputs.count "3"}} {{eq self.publicIp null}} {{eq self.publicIp ""}}',
      'true true true false',
    ],
    ['{{#if (eq self.index 1)}}one{{else}}other{{/if}}', 'one'],
    ['{{#if inputs.zero}}a{{else if inputs.flag}}b{{else}}c{{/if}}', 'b'],
    ['{{#if inputs.zero includeZero=true}}zero{{/if}}', 'zero'],
    ['{{#if services.none.machines}}some{{else}}none{{/if}}', 'none'],
    ['{{^if inputs.flag}}off{{/if}}', ''],
    ['{{#unless inputs.flag}}off{{else}}on{{/unless}}', 'on'],
    [
      '{{#each services.db.machines}}{{hostname}}:{{this.port}}{{#unless @last}},{{/unless}}{{/each}}',
      'h0:50,h1:51',
    ],
    [
      '{{#each services.db.machines as |m i|}}{{i}}{{m.hostname}}{{../inputs.count}}{{@first}}{{/each}}',
      '0h03true1h13false',
    ],
    ['{{#each services.db.all.port}}{{@index}}{{@key}}{{this}}{{.}} {{/each}}', '005050 115151 '],
    [
      '{{#each services.db.machines.[0]}}{{@key}}={{default this "-"}} {{/each}}',
      'name=db-0 index=0 hostname=h0 port=50 publicIp=- ',
    ],
    ['{{#each services.none.machines}}x{{else}}{{inputs.count}}{{/each}}', '3'],
    [
      '{{#each services.db.machines}}{{#each @root.services.db.all.port}}{{@../index}}{{../hostname}}{{../../inputs.count}} {{/each}}{{/each}}',
      '0h03 0h03 1h13 1h13 ',
    ],
    [
      '{{#with services.db as |d|}}{{port}}{{d.hostname}}{{#with all}}{{join port "+"}}{{/with}}{{/with}}',
      '50h050+51',
    ],
    ['{{#with self}}{{name}}{{../inputs.count}}{{/with}}', 'web-13'],
    ['{{#with (lookup services "db")}}{{port}}{{else}}never{{/with}}', '50'],
    ['{{#with self.publicIp}}{{this}}{{else}}private{{/with}}', 'private'],
    ['{{#with inputs.zero as |z|}}{{z}}{{this}}{{/with}}', '00'],
    ['{{#each services.db.machines as |join|}}{{join.port}}{{/each}}', '5051'],
    ['\\{{inputs.count}} \\\\{{inputs.count}}', '{{inputs.count}} \\3'],
    ['a  {{~inputs.count~}}  b', 'a3b'],
    ['a\n{{#if inputs.flag}}\nb\n{{/if}}\nc\n', 'a\nb\nc\n'],
    ['a{{! said }}b{{!-- {{inputs.nope}} --}}c', 'abc'],
  ])('%s', (text, expected) => {
    expect(outcome(text)).toBe(expected);
    expect(problems(text)).toEqual([]);
  });

  it.each([
    [
      '{{self.publicIp}}',
      '"self.publicIp" is null and cannot be rendered: use default, as in {{default value "fallback"}}',
    ],
    [
      '{{services.none.hostname}}',
      '"services.none.hostname" has no value: no machine of service "none" is ready',
    ],
    [
      '{{services.none.machines.[0].name}}',
      '"services.none.machines.0.name" has no value: no machine of service "none" is ready',
    ],
    [
      '{{services.db.machines.[2].name}}',
      '"services.db.machines.2.name" has no value: the list has 2 entries',
    ],
    [
      '{{lookup services.db.all.port inputs.count}}',
      '"lookup services.db.all.port inputs.count" has no value: the list has 2 entries',
    ],
    ['{{join services.db.all.publicIp ","}}', 'Cannot join "services.db.all.publicIp": entry 0 is null'],
    ['{{quote inputs.nul}}', 'Cannot quote "inputs.nul": no shell word can hold a NUL character'],
    [
      '{{join services.db.all.port self.publicIp}}',
      '"self.publicIp" is null, but "join" needs a single value there ({{join list separator}})',
    ],
  ])('%s cannot be rendered with these values', (text, message) => {
    expect(problems(text)).toEqual([]);
    expect(outcome(text)).toBe(`! ${message}`);
  });

  it('says that a service without a scope for machines is not available', () => {
    const bare = { inputs: {}, deployment: { name: 'd' } };
    expect(() => render(compile('{{services.db.port}}'), bare)).toThrow(
      '"services.db.port" is not available here',
    );
    expect(() => render(compile('{{self.name}}'), bare)).toThrow('"self.name" is not available here');
    expect(() => render(compile('{{#with self}}x{{/with}}'), bare)).toThrow('"self" is not available here');
  });

  it('asks for the machines of a service only where it is named, once', () => {
    const asked: string[] = [];
    const counting = {
      ...scope,
      machines(service: string) {
        asked.push(service);
        return scope.machines(service);
      },
    };
    render(
      compile(
        '{{services.db.hostname}}:{{services.db.port}}{{#if inputs.zero}}{{services.none.port}}{{/if}}',
      ),
      counting,
    );
    expect(asked).toEqual(['db']);
  });

  it('names the nearest name where a value is unknown', () => {
    expect(outcome('{{services.db.hostnme}}')).toBe(
      '! "services.db.hostnme" is unknown: service "db" has no attribute or output "hostnme" (did you mean "hostname"?)',
    );
  });
});

describe('checkTemplate()', () => {
  it.each([
    [
      '{{services.db.hostnme}}',
      '"services.db.hostnme" is unknown: service "db" has no attribute or output "hostnme" @ services.db.hostnme [Did you mean "hostname"?]',
    ],
    [
      '{{services.dba.hostname}}',
      '"services.dba.hostname" is unknown: there is no service "dba" @ services.dba.hostname [Did you mean "db"?]',
    ],
    [
      '{{services.late.hostname}}',
      '"services.late.hostname" is not available here: service "late" is of a later level @ services.late.hostname',
    ],
    [
      '{{services.db.token}}',
      '"services.db.token" is not available here: it is reported later @ services.db.token',
    ],
    [
      '{{inputs.cuont}}',
      '"inputs.cuont" is unknown: the plan has no input "cuont" @ inputs.cuont [Did you mean "count"?]',
    ],
    [
      '{{inptus.count}}',
      '"inptus.count" is unknown: templates know inputs, services, self and deployment @ inptus.count [Did you mean "inputs"?]',
    ],
    [
      '{{self.nme}}',
      '"self.nme" is unknown: the machine has no attribute or output "nme" @ self.nme [Did you mean "name"?]',
    ],
    [
      '{{deployment.nme}}',
      '"deployment.nme" is unknown: a deployment has only a name @ deployment.nme [Did you mean "name"?]',
    ],
    [
      '{{services.db.all.port.length}}',
      '"services.db.all.port.length" is unknown: a list has no "length", only entries 0, 1, … @ services.db.all.port.length',
    ],
    ['{{inputs.count.x}}', '"inputs.count.x" is unknown: a single value has no "x" @ inputs.count.x'],
    [
      '{{#each services.db.machines}}{{inputs.count}}{{/each}}',
      '"inputs.count" is unknown: service "db" has no attribute or output "inputs" @ inputs.count [Inside #each and #with it is "@root.inputs".]',
    ],
    [
      '{{services.db.all.port}}',
      '"services.db.all.port" is a list and cannot be rendered: use join or json @ services.db.all.port',
    ],
    [
      '{{services.db.machines.[0]}}',
      '"services.db.machines.0" is an object and cannot be rendered: name one of its values, or use json @ services.db.machines.[0]',
    ],
    [
      '{{default null null}} {{join self.name ","}}',
      '"self.name" is a single value, but "join" needs a list there ({{join list separator}}) @ self.name',
    ],
    [
      '{{join services.db.all.port null}}',
      '"null" is null, but "join" needs a single value there ({{join list separator}}) @ null',
    ],
    [
      '{{#each self.name}}{{this}}{{/each}}',
      '"self.name" is a single value, but "#each" needs a list @ self.name',
    ],
    [
      '{{lookup services self.name}}',
      'Cannot check what "lookup services self.name" finds: write the name that it looks up as a text @ {{lookup services self.name}}',
    ],
    [
      '{{lookup services.db.machines.[0] self.name}}',
      'Cannot check what "lookup services.db.machines.[0] self.name" finds: write the name that it looks up as a text @ {{lookup services.db.machines.[0] self.name}}',
    ],
    ['{{services.db}}', '"services.db" is not a value: name what you need of it @ services.db'],
    [
      '{{json services.db.all}}',
      '"services.db.all" is not a value: name what you need of it @ services.db.all',
    ],
    ['{{this}}', '"this" is not a value: name what you need of it @ this'],
    [
      '{{#with services.dba}}x{{/with}}',
      '"services.dba" is unknown: there is no service "dba" @ services.dba [Did you mean "db"?]',
    ],
    ['{{@index}}', '"@index" is unknown: there is no such #each around it @ @index'],
    [
      '{{@roto.inputs}}',
      '"@roto.inputs" is unknown: there are @root and, inside #each, @index, @key, @first and @last @ @roto.inputs [Did you mean "@root"?]',
    ],
    [
      '{{../inputs.count}}',
      '"../inputs.count" is unknown: "../" leads out of the template there @ ../inputs.count',
    ],
  ])('%s', (text, expected) => {
    expect(problems(text)).toEqual([expected]);
    expect(outcome(text)).toMatch(/^!/);
  });

  it('looks into branches that are never taken', () => {
    const unknown = ['"inputs.x" is unknown: the plan has no input "x" @ inputs.x'];
    for (const text of [
      '{{#with self}}{{else}}{{inputs.x}}{{/with}}',
      '{{#if true}}{{else}}{{inputs.x}}{{/if}}',
    ]) {
      expect(problems(text)).toEqual(unknown);
      expect(outcome(text)).toBe('');
    }
  });

  it('reports all problems in the order of the text, none of them twice', () => {
    expect(
      problems('{{a}}\n{{#each b.c as |m|}}{{m.x}}{{this.y}}{{/each}}{{inputs.d}}{{#if e}}{{/if}}').map(
        (line) => line.split(' is ')[0],
      ),
    ).toEqual(['"a"', '"b.c"', '"inputs.d"', '"e"']);
  });

  it('points past comments, escapes and lines of any ending', () => {
    expect(problems('{{! c }}\r\n{{!-- {{x}} --}}\n \\{{y}}\r {{~ nope ~}}')[0]).toMatch(/@ nope$/);
  });

  it('refuses what the field cannot read', () => {
    const nothing = { inputs: [], deployment: false, self: null, services: {} };
    const messages = (text: string): readonly string[] =>
      checkTemplate(compile(text), nothing).map(({ message }) => message);
    expect(
      messages('{{deployment.name}}{{self.name}}{{#with deployment}}{{/with}}{{#with self}}{{/with}}'),
    ).toEqual([
      '"deployment.name" is not available here',
      '"self.name" is not available here',
      '"deployment" is not available here',
      '"self" is not available here',
    ]);
  });
});

describe('compileTemplate()', () => {
  it.each([
    ['{{foo', '"{{" is not closed: "}}" is missing @ {{'],
    ['x {{', '"{{" is not closed: "}}" is missing @ {{'],
    [
      'a\n{{#if inputs.flag}}x{{!-- {{#each}} --}}\\{{#if',
      '{{#if}} is not closed: {{/if}} is missing @ {{#if inputs.flag}}',
    ],
    ['{{#if a}}{{#each b}}{{/each}}', '{{#if}} is not closed: {{/if}} is missing @ {{#if a}}'],
    ['{{/if}}', '{{/if}} closes nothing @ {{/if}}'],
    ['{{else}}', '{{else}} stands outside of a block @ {{else}}'],
    ['{{#if a}}{{/each}}', '{{#if}} is closed by {{/each}} @ if'],
    ['{{}}', 'There is nothing between "{{" and "}}"; a literal "{{" is written "\\{{" @ {{}}'],
    ['{{foo}}}', '"}}}" comes too early or does not fit its opening braces @ }}}'],
    ['{{"x}}', 'The text that " begins has no end @ "'],
    ['{{a %}}', 'Unexpected "%"; a literal "{{" is written "\\{{" @ %'],
    [
      '{{a 1 b.}} {{services.db.machines.0}}',
      'The last part of a path cannot be a bare number: write [0] @ 0',
    ],
    ['{{!-- x }}', 'The comment has no end: "}}" is missing @ {{'],
    ['\0{{a}}', 'A template cannot hold a NUL character @ \0'],
    ['{{inputs/../self}}', '"inputs/.." is not a path: "..", "." and "this" can only begin one @ inputs/..'],
    ['{{> part}}', 'Templates have no partials ({{> …}}) @ {{> part}}'],
    ['{{#> part}}{{/part}}', 'Templates have no partials ({{> …}}) @ {{#> part}}{{/part}}'],
    ['{{* deco}}', 'Templates have no decorators ({{* …}}) @ {{* deco}}'],
    ['{{#*inline "x"}}{{/inline}}', 'Templates have no decorators ({{* …}}) @ {{#*inline "x"}}{{/inline}}'],
    ['x {{{{if x}}}}', 'Templates have no raw blocks ({{{{…}}}}) @ {{{{if x}}}}'],
    ['{{!-- {{{{ --}} {{}}}}', 'Unexpected "}}}}"; a literal "{{" is written "\\{{" @ }}}}'],
    ['{{{{if}}}} {{x', 'Templates have no raw blocks ({{{{…}}}}) @ {{{{if}}}}'],
    ['{{{{if x}}}}{{{{/if}}}}', 'Templates have no raw blocks ({{{{…}}}}) @ {{{{if x}}}}{{{{/if}}}}'],
    ['{{log "x"}}', 'There is no helper "log": there are join, json, quote, default, eq, lookup @ log'],
    [
      '{{#if (jsn inputs.a)}}{{/if}}',
      'There is no helper "jsn": there are join, json, quote, default, eq, lookup @ jsn [Did you mean "json"?]',
    ],
    [
      '{{self.name "x"}}',
      'There is no helper "self.name": there are join, json, quote, default, eq, lookup @ self.name',
    ],
    [
      '{{#each services.db.machines as |m|}}{{m 1}}{{/each}}',
      '"m" is a name that a block binds, not a helper @ m',
    ],
    [
      '{{join services.db.all.port}}',
      '"join" takes 2 arguments, not 1 ({{join list separator}}) @ {{join services.db.all.port}}',
    ],
    ['{{json}}', '"json" takes 1 argument, not 0 ({{json value}}) @ {{json}}'],
    ['{{quote "a" b=1}}', '"quote" takes no named arguments ({{quote value}}) @ b=1'],
    ['{{quote json}}', '"json" is a helper: as an argument it is written (json value) @ json'],
    ['{{default undefined "x"}}', '"undefined" is not a value @ undefined'],
    ['{{if inputs.flag}}', '"if" is a block: write {{#if …}} … {{/if}} @ if'],
    ['{{#join a b}}{{/join}}', '"join" is not a block: there are #if, #unless, #each and #with @ join'],
    [
      '{{#inputs.flag}}{{/inputs.flag}}',
      '"inputs.flag" is not a block: there are #if, #unless, #each and #with @ inputs.flag',
    ],
    ['{{#if}}{{/if}}', '"#if" takes 1 argument, not 0 @ if'],
    ['{{#each a b}}{{/each}}', '"#each" takes 1 argument, not 2 @ each'],
    ['{{#if a as |b|}}{{/if}}', '"#if" binds at most 0 names, not 1 @ if'],
    ['{{#with a x=1}}{{/with}}', '"#with" has no argument named "x" @ x=1'],
    [`{{inputs${'.a'.repeat(20)}}}`, `A path has at most 20 parts @ inputs${'.a'.repeat(20)}`],
  ])('refuses %s', (text, expected) => {
    expect(compileTemplate(text).ok).toBe(false);
    expect(problems(text)).toEqual([expected]);
  });

  it.each([
    ['blocks', '{{#if inputs.flag}}'.repeat(500) + '{{/if}}'.repeat(500)],
    ['parentheses', `{{json ${'(json '.repeat(500)}1${')'.repeat(500)}}}`],
    ['else-ifs', `{{#if inputs.flag}}${'{{else if inputs.flag}}'.repeat(500)}{{/if}}`],
  ])('refuses %s that are nested too deeply', (_, text) => {
    const compiled = compileTemplate(text);
    expect(compiled.ok ? '' : compiled.problem.message).toBe(
      'Cannot read the template: it is nested too deeply',
    );
  });
});

describe('isLiteral() and literal()', () => {
  it('tell what renders to the same text whatever the scope', () => {
    expect(['', 'text', '\\{{x}}', 'a{{! c }}b'].map((text) => isLiteral(compile(text)))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(
      ['{{inputs.x}}', '{{"x"}}', '{{#if true}}{{/if}}'].map((text) => isLiteral(compile(text))),
    ).toEqual([false, false, false]);
  });

  it('keep braces', () => {
    const template = literal('{{inputs.x}} \\{{');
    expect([isLiteral(template), render(template, scope), checkTemplate(template, shape)]).toEqual([
      true,
      '{{inputs.x}} \\{{',
      [],
    ]);
    expect(referencesOf(template).inputs.size).toBe(0);
  });
});

describe('referencesOf()', () => {
  it('follows block parameters, contexts, the root and lookups', () => {
    const text =
      '{{#each services.a.machines as |m|}}{{m.port}}{{../inputs.i}}{{@root.inputs.j}}{{/each}}' +
      '{{#with (lookup services "b")}}{{port}}{{#with ../self}}{{name}}{{../../self.index}}{{/with}}{{/with}}' +
      '{{#with services as |s|}}{{#if ../inputs.never}}{{join s.c.all.port ","}}{{/if}}{{/with}}' +
      '{{lookup inputs "k"}}{{#with inputs}}{{l}}{{/with}}{{#with services.d}}{{/with}}';
    const { inputs, services, self } = referencesOf(compile(text));
    expect([[...inputs].sort(), [...services].sort(), [...self].sort()]).toEqual([
      ['i', 'j', 'k', 'l', 'never'],
      ['a', 'b', 'c', 'd'],
      ['index', 'name'],
    ]);
  });
});
