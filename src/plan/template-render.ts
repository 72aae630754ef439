import type { Json } from '../json.ts';
import { nearest } from '../nearest.ts';
import { applyHelper, kindOf, misfit, textOf, unprintable, uncheckable } from './template-helpers.ts';
import { LOOP } from './template-program.ts';
import type { Block, Expression, Program, Span, Statement } from './template-program.ts';
import { TemplateError } from './template-scope.ts';
import type { Attributes, Scope } from './template-scope.ts';

interface Rendering {
  readonly scope: Scope;
  readonly slots: Json[];
  /** What `scope.machines` answered: it may be slow. */
  readonly machines: Map<string, readonly Attributes[]>;
}

/** Renders a program. Throws `TemplateError`. */
export function renderProgram(program: Program, scope: Scope): string {
  const [problem] = program.problems;
  if (problem !== undefined) throw new TemplateError(problem.message);
  return renderBlock(program.body, { scope, slots: [], machines: new Map() });
}

function renderBlock(block: Block, rendering: Rendering): string {
  let text = '';
  for (const statement of block) text += renderStatement(statement, rendering);
  return text;
}

function renderStatement(statement: Statement, rendering: Rendering): string {
  switch (statement.kind) {
    case 'text':
      return statement.text;
    case 'output': {
      const value = evaluate(statement.value, rendering);
      const wrong = unprintable(kindOf(value), statement.value.source);
      if (wrong !== null) throw new TemplateError(wrong);
      return textOf(value);
    }
    case 'require':
      require(statement, rendering);
      return '';
    case 'if': {
      const condition = evaluate(statement.condition, rendering);
      const zeroCounts =
        statement.includeZero !== null && isTruthy(evaluate(statement.includeZero, rendering));
      const holds = isTruthy(condition) || (condition === 0 && zeroCounts);
      return renderBlock(holds ? statement.whenTrue : statement.whenFalse, rendering);
    }
    case 'with': {
      const value = evaluate(statement.value, rendering);
      if (!isTruthy(value) && value !== 0) return renderBlock(statement.otherwise, rendering);
      rendering.slots[statement.slot] = value;
      return renderBlock(statement.body, rendering);
    }
    case 'each':
      return renderEach(statement, rendering);
  }
}

function require({ name, from }: Statement & { readonly kind: 'require' }, rendering: Rendering): void {
  if (name.kind === 'service') machinesOf(name.service, from, rendering);
  if (name.kind === 'self') selfOf(from, rendering);
}

function selfOf({ source }: Span, { scope }: Rendering): Attributes {
  if (scope.self === undefined) throw new TemplateError(`"${source}" is not available here`);
  return scope.self;
}

function renderEach(statement: Statement & { readonly kind: 'each' }, rendering: Rendering): string {
  const { slots } = rendering;
  const { slot, list, body, otherwise } = statement;
  const entries = entriesOf(evaluate(list, rendering), list);
  if (entries.length === 0) return renderBlock(otherwise, rendering);
  let text = '';
  for (const [index, [key, value]] of entries.entries()) {
    slots[slot + LOOP.value] = value;
    slots[slot + LOOP.key] = key;
    slots[slot + LOOP.index] = index;
    slots[slot + LOOP.first] = index === 0;
    slots[slot + LOOP.last] = index === entries.length - 1;
    text += renderBlock(body, rendering);
  }
  return text;
}

function entriesOf(value: Json, { source }: Span): readonly (readonly [string | number, Json])[] {
  if (isList(value)) return value.map((entry, index) => [index, entry] as const);
  if (value !== null && typeof value === 'object') return Object.entries(value);
  throw new TemplateError(
    `"${source}" is ${value === null ? 'null' : 'a single value'}, but "#each" needs a list`,
  );
}

/** As Handlebars has it: false, 0, null, an empty text and an empty list do not hold. */
function isTruthy(value: Json): boolean {
  return isList(value) ? value.length > 0 : Boolean(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function evaluate(expression: Expression, rendering: Rendering): Json {
  const { scope, slots } = rendering;
  switch (expression.kind) {
    case 'constant':
      return expression.value;
    case 'input':
      return own(
        scope.inputs,
        expression.name,
        expression,
        () => `the plan has no input "${expression.name}"`,
      );
    case 'deployment-name':
      return scope.deployment.name;
    case 'self':
      return attribute(selfOf(expression, rendering), expression.name, expression);
    case 'attribute': {
      const [lowest] = machinesOf(expression.service, expression, rendering);
      if (lowest !== undefined) return attribute(lowest, expression.name, expression);
      throw new TemplateError(
        `"${expression.source}" has no value: no machine of service "${expression.service}" is ready`,
      );
    }
    case 'all': {
      const machines = machinesOf(expression.service, expression, rendering);
      return machines.map((machine) => attribute(machine, expression.name, expression));
    }
    case 'machines':
      return machinesOf(expression.service, expression, rendering);
    case 'slot':
      return slots[expression.slot] ?? null;
    case 'item':
      return item(evaluate(expression.of, rendering), expression.key, expression);
    case 'call':
      return call(expression, rendering);
    case 'invalid':
      throw new TemplateError(`"${expression.source}" is unknown`);
  }
}

function machinesOf(
  service: string,
  { source }: Span,
  { scope, machines }: Rendering,
): readonly Attributes[] {
  const asked = machines.get(service);
  if (asked !== undefined) return asked;
  if (scope.machines === undefined) throw new TemplateError(`"${source}" is not available here`);
  const found = scope.machines(service);
  if (found === undefined)
    throw new TemplateError(`"${source}" is unknown: there is no service "${service}"`);
  machines.set(service, found);
  return found;
}

function attribute(attributes: Attributes, name: string, expression: Expression): Json {
  return own(attributes, name, expression, () =>
    expression.kind === 'attribute' || expression.kind === 'all'
      ? `service "${expression.service}" has no attribute or output "${name}"`
      : `the machine has no attribute or output "${name}"`,
  );
}

function own(from: Readonly<Record<string, Json>>, name: string, { source }: Span, why: () => string): Json {
  const value = Object.hasOwn(from, name) ? from[name] : undefined;
  if (value !== undefined) return value;
  const near = nearest(name, Object.keys(from));
  throw new TemplateError(
    `"${source}" is unknown: ${why()}${near === null ? '' : ` (did you mean "${near}"?)`}`,
  );
}

function item(value: Json, key: string, expression: Expression & { readonly kind: 'item' }): Json {
  const { source, of } = expression;
  if (isList(value)) {
    const entry = isIndex(key) ? value[Number(key)] : undefined;
    if (entry !== undefined) return entry;
    if (!isIndex(key))
      throw new TemplateError(`"${source}" is unknown: a list has no "${key}", only entries 0, 1, …`);
    const why =
      of.kind === 'machines' && value.length === 0
        ? `no machine of service "${of.service}" is ready`
        : `the list has ${value.length} ${value.length === 1 ? 'entry' : 'entries'}`;
    throw new TemplateError(`"${source}" has no value: ${why}`);
  }
  if (value !== null && typeof value === 'object') return attribute(value as Attributes, key, expression);
  throw new TemplateError(
    `"${source}" is unknown: ${value === null ? 'null' : 'a single value'} has no "${key}"`,
  );
}

export function isIndex(key: string): boolean {
  return /^(?:0|[1-9]\d{0,9})$/.test(key);
}

function call({ helper, args, ...span }: Expression & { readonly kind: 'call' }, rendering: Rendering): Json {
  const values = args.map((argument) => evaluate(argument, rendering));
  const sources = args.map((argument) => argument.source);
  for (const [index, value] of values.entries()) {
    const wrong = misfit(helper, index, kindOf(value), sources[index] ?? '');
    if (wrong !== null) throw new TemplateError(wrong);
  }
  if (helper !== 'lookup') return applyHelper(helper, values, sources);
  const [of = null, key = null] = values;
  const [list] = args;
  if (!isList(of) || list === undefined) throw new TemplateError(uncheckable(span.source));
  const entry = isIndex(textOf(key)) ? of[Number(key)] : undefined;
  if (entry !== undefined) return entry;
  throw new TemplateError(
    `"${span.source}" has no value: the list has ${of.length} ${of.length === 1 ? 'entry' : 'entries'}`,
  );
}
