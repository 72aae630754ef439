import { describe, expect, it } from 'vitest';
import type { GivenInputs } from '../../src/plan/load.ts';
import type { InputValue } from '../../src/plan/plan.ts';
import { findService, messages, planText, read, resolve } from './memory.ts';

const USE = 'env: { A: "{{inputs.x}}" }';

function valueOf(
  declaration: string,
  given: Partial<GivenInputs> = {},
  files: Record<string, string> = {},
): InputValue | undefined {
  const { plan, problems } = resolve(read(planText(USE, `inputs: { x: ${declaration} }`), files), given);
  expect(problems).toEqual([]);
  return plan?.inputs['x'];
}

function problemsOf(
  declaration: string,
  given: Partial<GivenInputs> = {},
  files: Record<string, string> = {},
): readonly string[] {
  const resolved = resolve(read(planText(USE, `inputs: { x: ${declaration} }`), files), given);
  expect(resolved.plan).toBeNull();
  return messages(resolved.problems);
}

describe('the value of an input', () => {
  const all: Partial<GivenInputs> = {
    flags: ['x=first', 'x=flag'],
    files: ['/plans/a.yml', '/plans/b.yml'],
    recorded: { x: 'recorded' },
    env: { X: 'env' },
  };
  const files = { 'a.yml': 'x: a', 'b.yml': 'x: b' };
  const declaration = '{ env: X, default: fallback }';

  it('is what --input says, the last one of a name', () => {
    expect(valueOf(declaration, all, files)).toEqual({ value: 'flag', sensitive: false, given: true });
  });

  it('else what the last --input-file says', () => {
    expect(valueOf(declaration, { ...all, flags: [] }, files)).toEqual({
      value: 'b',
      sensitive: false,
      given: true,
    });
  });

  it('else what the deployment was given before', () => {
    expect(valueOf(declaration, { ...all, flags: [], files: [] })).toEqual({
      value: 'recorded',
      sensitive: false,
      given: true,
    });
  });

  it('else the environment, set but empty too', () => {
    expect(valueOf(declaration, { env: { X: 'env' } })).toEqual({
      value: 'env',
      sensitive: false,
      given: false,
    });
    expect(valueOf(declaration, { env: { X: '' } })?.value).toBe('');
  });

  it('else the default', () => {
    expect(valueOf(declaration, { env: { X: undefined } })).toEqual({
      value: 'fallback',
      sensitive: false,
      given: false,
    });
  });

  it('has the declared type, else that of the default, else it is a string', () => {
    expect(valueOf('{ type: number }', { flags: ['x=1e3'] })?.value).toBe(1000);
    expect(valueOf('{ type: boolean, default: true }', { flags: ['x=false'] })?.value).toBe(false);
    expect(valueOf('{ default: 3 }', { flags: ['x=-4.5'] })?.value).toBe(-4.5);
    expect(valueOf('{ default: true }')?.value).toBe(true);
    expect(valueOf('{}', { flags: ['x=3=4'] })?.value).toBe('3=4');
    expect(valueOf('', { flags: ['x='] })?.value).toBe('');
    expect(valueOf('{ type: string, default: 1.10 }')?.value).toBe('1.10');
    expect(valueOf('{ type: string }', { files: ['/plans/f.yml'] }, { 'f.yml': 'x: 1.10' })?.value).toBe(
      '1.10',
    );
    expect(valueOf('{ sensitive: true, default: a }')?.sensitive).toBe(true);
  });
});

describe('inputs that cannot be used', () => {
  it('do not convert', () => {
    expect(problemsOf('{ type: number }', { flags: ['x=many'] })).toEqual([
      '3:11 Cannot use "many" for input "x", as given by --input: it is not a number',
    ]);
    expect(problemsOf('{ type: boolean, env: X }', { env: { X: 'yes' } })).toEqual([
      '3:11 Cannot use "yes" for input "x", from environment variable X: it is neither true nor false',
    ]);
    expect(problemsOf('{ type: number }', { recorded: { x: '' } })).toEqual([
      '3:11 Cannot use "" for input "x", as given to this deployment before: it is not a number',
    ]);
    expect(problemsOf('{ type: number }', { flags: ['x=1e999'] })).toHaveLength(1);
  });

  it('are never shown when they are sensitive', () => {
    expect(problemsOf('{ type: number, sensitive: true }', { flags: ['x=hunter2'] }).join()).not.toContain(
      'hunter2',
    );
  });

  it('are malformed or undeclared flags', () => {
    expect(problemsOf('{ default: a }', { flags: ['x', '=1', 'xx=1'] })).toEqual([
      '1:1 Cannot use --input "=1": it is not name=value',
      '1:1 Cannot use --input "x": it is not name=value',
      '1:1 Cannot use --input "xx": the plan declares no such input',
    ]);
  });

  it('stand in files that cannot be read or are no maps of scalars', () => {
    const paths = [
      '/plans/none.yml',
      '/plans/list.yml',
      '/plans/deep.yml',
      '/plans/bad.yml',
      '/plans/empty.yml',
    ];
    const files = { 'list.yml': '[x]', 'deep.yml': 'x: [1]', 'bad.yml': 'x: "', 'empty.yml': '' };
    const problems = problemsOf('{ default: a }', { files: paths }, files);
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).toContain('there is no file that can be read');
    expect(problems.join('\n')).toContain('not a map from names to values');
    expect(problems.join('\n')).toContain('it is not a text, number or boolean');
  });

  it('are located in the file that gives them', () => {
    const { problems } = resolve(
      read(planText(USE, 'inputs: { x: { type: number } }'), { 'f.yml': '# values\nx:  many' }),
      { files: ['/plans/f.yml'] },
    );
    expect(problems).toMatchObject([{ line: 2, column: 5, source: 'x:  many' }]);
  });
});

describe('warnings', () => {
  it('name undeclared inputs of files, and declared ones that nothing uses', () => {
    const document = read(planText(USE, 'inputs: { x: { default: 1 }, y: { default: 2 } }'), {
      'f.yml': 'z: 1',
    });
    expect(messages(document.warnings)).toEqual(['3:30 Input "y" is declared but not used']);
    const { plan, warnings } = resolve(document, { files: ['/plans/f.yml'] });
    expect(plan).not.toBeNull();
    expect(messages(warnings)).toEqual([
      '3:30 Input "y" is declared but not used',
      '1:1 Input "z" is ignored: the plan declares no such input',
    ]);
  });

  it('see uses in template files whose path an input decides', () => {
    const keys = 'files: [{ source: "{{inputs.file}}", target: a, template: true }]';
    const document = read(planText(keys, 'inputs: { file: { default: conf }, x: { default: 1 } }'), {
      conf: '{{inputs.x}}',
    });
    expect(document.warnings).toEqual([]);
    expect(resolve(document).warnings).toEqual([]);
  });
});

describe('inputs that must have a value', () => {
  const head = 'inputs: { x: , y: , z: }';
  const keys =
    'count: "{{inputs.x}}"\nenv: { Y: "{{inputs.y}}" }\nteardown: { run: a, args: ["{{inputs.z}}"] }';

  it('are all of them', () => {
    expect(resolve(read(planText(keys, head))).problems).toHaveLength(3);
  });

  it('are those of teardown scripts for the way down', () => {
    const { problems } = resolve(read(planText(keys, head)), {}, { need: 'teardown' });
    expect(messages(problems)).toEqual([
      '3:16 Cannot go on without input "y": it has no value',
      '3:21 Cannot go on without input "z": it has no value',
    ]);
    const bare = read(planText(keys.replace(/teardown.*/, 'ssh: { user: "{{inputs.z}}" }'), head));
    expect(resolve(bare, {}, { need: 'teardown' }).problems).toHaveLength(1);
  });

  it('are none for a look at the plan, where the rest is still checked', () => {
    const { plan, problems } = resolve(read(planText(keys, head)), {}, { need: 'none' });
    expect(problems).toEqual([]);
    expect(plan === null ? null : findService(plan, 'web').count).toEqual({ min: 1, max: 1 });
    expect(
      resolve(read(planText(keys, head)), { flags: ['x=many'] }, { need: 'none' }).problems,
    ).toHaveLength(1);
  });
});

describe('sensitive inputs', () => {
  it('stand in no message, whatever they decide', () => {
    const keys = [
      'count: "{{inputs.x}}"',
      'provider: "{{inputs.x}}"',
      'timeouts: { launch: "{{inputs.x}}" }',
      'bootstrap: "bin/{{inputs.x}}"',
      'files: [{ source: "conf/{{inputs.x}}", target: a }]',
    ].join('\n');
    const head = 'inputs: { x: { sensitive: true } }\nproviders: { near: { type: "{{inputs.x}}" } }';
    const { problems } = resolve(read(planText(keys, head)), { flags: ['x=hunter2'] });
    expect(problems).toHaveLength(6);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});
