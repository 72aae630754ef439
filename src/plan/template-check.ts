import { didYouMean } from '../nearest.ts';
import { misfit, unprintable, uncheckable } from './template-helpers.ts';
import type { Kind } from './template-helpers.ts';
import { LOOP, LOOP_SLOTS } from './template-program.ts';
import type { Block, Expression, Program, Requirement, Span, Statement } from './template-program.ts';
import { isIndex } from './template-render.ts';
import type { Names, ScopeShape, TemplateProblem } from './template-scope.ts';

/** What is known of a value before there is one. `unknown`: a problem was reported already. */
type Shape =
  | { readonly kind: 'null' | 'scalar' | 'unknown' }
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'object'; readonly names: Names; readonly owner: string };

const SCALAR: Shape = { kind: 'scalar' };
const UNKNOWN: Shape = { kind: 'unknown' };
const ROOTS = ['inputs', 'services', 'self', 'deployment'];

/** Everything that is wrong with a program in fields of this shape, whichever way its conditions turn out. */
export function checkProgram(program: Program, shape: ScopeShape): readonly TemplateProblem[] {
  const problems: TemplateProblem[] = [...program.problems];
  const slots: Shape[] = [];
  checkBlock(program.body);
  return problems.sort((a, b) => a.offset - b.offset);

  function report({ offset, length }: Span, message: string, suggestion: string | null = null): Shape {
    problems.push({ message, offset, length, suggestion });
    return UNKNOWN;
  }

  function checkBlock(block: Block): void {
    for (const statement of block) checkStatement(statement);
  }

  function checkStatement(statement: Statement): void {
    switch (statement.kind) {
      case 'text':
        return;
      case 'output': {
        const kind = kindOf(shapeOf(statement.value));
        const wrong = kind === null ? null : unprintable(kind, statement.value.source);
        if (wrong !== null) report(statement.value, wrong);
        return;
      }
      case 'require':
        require(statement.name, statement.from);
        return;
      case 'if':
        shapeOf(statement.condition);
        if (statement.includeZero !== null) shapeOf(statement.includeZero);
        checkBlock(statement.whenTrue);
        checkBlock(statement.whenFalse);
        return;
      case 'with':
        slots[statement.slot] = shapeOf(statement.value);
        checkBlock(statement.body);
        checkBlock(statement.otherwise);
        return;
      case 'each':
        for (let slot = 0; slot < LOOP_SLOTS; slot += 1) slots[statement.slot + slot] = SCALAR;
        slots[statement.slot + LOOP.value] = entryOf(shapeOf(statement.list), statement.list);
        checkBlock(statement.body);
        checkBlock(statement.otherwise);
    }
  }

  function require(name: Requirement, from: Span): void {
    const isMissing = name.kind === 'self' ? shape.self === null : !shape.deployment;
    if (name.kind === 'service') namesOf(from, name.service);
    else if (isMissing) report(from, `"${from.source}" is not available here`);
  }

  function entryOf(list: Shape, span: Span): Shape {
    switch (list.kind) {
      case 'list':
        return list.of;
      case 'object':
        return SCALAR;
      case 'unknown':
        return UNKNOWN;
      case 'null':
      case 'scalar':
        return report(
          span,
          `"${span.source}" is ${list.kind === 'null' ? 'null' : 'a single value'}, but "#each" needs a list`,
        );
    }
  }

  function shapeOf(expression: Expression): Shape {
    switch (expression.kind) {
      case 'constant':
        return expression.value === null ? { kind: 'null' } : SCALAR;
      case 'input':
        return named(
          expression,
          expression.name,
          { known: shape.inputs, refused: {} },
          `the plan has no input "${expression.name}"`,
        );
      case 'deployment-name':
        return shape.deployment ? SCALAR : report(expression, `"${expression.source}" is not available here`);
      case 'self':
        if (shape.self === null) return report(expression, `"${expression.source}" is not available here`);
        return named(
          expression,
          expression.name,
          shape.self,
          `the machine has no attribute or output "${expression.name}"`,
        );
      case 'attribute':
      case 'all': {
        const names = namesOf(expression, expression.service);
        if (names === null) return UNKNOWN;
        const found = named(
          expression,
          expression.name,
          names,
          `service "${expression.service}" has no attribute or output "${expression.name}"`,
        );
        return expression.kind === 'all' && found.kind !== 'unknown' ? { kind: 'list', of: found } : found;
      }
      case 'machines': {
        const names = namesOf(expression, expression.service);
        return names === null
          ? UNKNOWN
          : { kind: 'list', of: { kind: 'object', names, owner: `service "${expression.service}"` } };
      }
      case 'slot':
        return slots[expression.slot] ?? UNKNOWN;
      case 'item':
        return item(shapeOf(expression.of), expression);
      case 'call':
        return call(expression);
      case 'invalid':
        return UNKNOWN;
    }
  }

  function namesOf(span: Span, service: string): Names | null {
    const found = Object.hasOwn(shape.services, service) ? shape.services[service] : undefined;
    if (found?.kind === 'available') return found.attributes;
    if (found === undefined) {
      report(
        span,
        `"${span.source}" is unknown: there is no service "${service}"`,
        didYouMean(service, Object.keys(shape.services)),
      );
    } else {
      report(span, `"${span.source}" is not available here: ${found.why}`);
    }
    return null;
  }

  function named(span: Span, name: string, { known, refused }: Names, why: string): Shape {
    if (known.includes(name)) return SCALAR;
    if (Object.hasOwn(refused, name))
      return report(span, `"${span.source}" is not available here: ${refused[name] ?? ''}`);
    return report(span, `"${span.source}" is unknown: ${why}`, didYouMean(name, known));
  }

  function item(of: Shape, expression: Expression & { readonly kind: 'item' }): Shape {
    const { key, source } = expression;
    switch (of.kind) {
      case 'unknown':
        return UNKNOWN;
      case 'list':
        if (isIndex(key)) return of.of;
        return report(expression, `"${source}" is unknown: a list has no "${key}", only entries 0, 1, …`);
      case 'object':
        if (ROOTS.includes(key) && !of.names.known.includes(key)) {
          return report(
            expression,
            `"${source}" is unknown: ${of.owner} has no attribute or output "${key}"`,
            `Inside #each and #with it is "@root.${key}".`,
          );
        }
        return named(expression, key, of.names, `${of.owner} has no attribute or output "${key}"`);
      case 'null':
      case 'scalar':
        return report(expression, `"${source}" is unknown: a single value has no "${key}"`);
    }
  }

  function call({ helper, args, ...span }: Expression & { readonly kind: 'call' }): Shape {
    const shapes = args.map(shapeOf);
    let fits = true;
    for (const [index, argument] of shapes.entries()) {
      const source = args[index];
      const kind = kindOf(argument);
      const wrong = kind === null || source === undefined ? null : misfit(helper, index, kind, source.source);
      if (wrong !== null && source !== undefined) report(source, wrong);
      fits &&= kind !== null && wrong === null;
    }
    if (!fits) return UNKNOWN;
    if (helper !== 'lookup') return SCALAR;
    const [of = UNKNOWN] = shapes;
    if (of.kind === 'list') return of.of;
    return report(span, uncheckable(span.source));
  }
}

function kindOf(shape: Shape): Kind | null {
  return shape.kind === 'unknown' ? null : shape.kind;
}
