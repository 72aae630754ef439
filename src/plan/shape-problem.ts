import type { Problem } from './diagnostic.ts';
import { didYouMean } from '../nearest.ts';
import type { Node } from './node.ts';
import { quoted } from './problems.ts';
import type { SchemaPart, ShapeError } from './shape-mistake.ts';
import { knownKeys, mistakesAmong } from './shape-mistake.ts';
import { firstLine } from './scalar-place.ts';
import type { Place } from './text-file.ts';
import { problemAt } from './text-file.ts';

/** A value that an error is about: what it is called, where it is, and where its key is. */
interface Subject {
  readonly node: Node;
  readonly called: string;
  readonly keyPlace: Place | null;
}

/** One problem for each mistake, out of all that the validator says about it. */
export function shapeProblems(root: Node, errors: readonly ShapeError[], called: string): readonly Problem[] {
  const top: Subject = { node: root, called, keyPlace: null };
  return mistakesAmong(errors).map((error) => describe(subjectOf(top, error.instancePath), error));
}

function subjectOf(root: Subject, pointer: string): Subject {
  let subject = root;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const { node, called } = subject;
    if (node.kind === 'map') {
      const entry = node.entries.get(key);
      if (entry === undefined) return subject;
      subject = { node: entry.value, called: quoted(key), keyPlace: entry.keyPlace };
    } else if (node.kind === 'list') {
      const item = node.items[Number(key)];
      if (item === undefined) return subject;
      subject = { node: item, called: `item ${Number(key) + 1} of ${called}`, keyPlace: null };
    }
  }
  return subject;
}

function describe(subject: Subject, error: ShapeError): Problem {
  const schema = error.parentSchema ?? {};
  const { params } = error;
  const value = valuePlace(subject);
  const problem = (what: string, suggestion: string | null = null): Problem =>
    problemAt(value, `Cannot use ${subject.called}: ${what}`, suggestion);
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(subject, schema, String(params['additionalProperty']));
    case 'required':
      return problemAt(
        subject.keyPlace ?? firstKey(subject.node) ?? value,
        `Cannot use ${subject.called}: key ${quoted(String(params['missingProperty']))} is missing`,
      );
    case 'type':
      return problem(
        `it is ${kindOf(subject.node)}, not ${expected(schema)}`,
        typeHint(subject.node, schema),
      );
    case 'enum':
      return problem(...choice(subject.node, params['allowedValues']));
    case 'const':
      return problem(`it is ${shown(subject.node)}, not ${JSON.stringify(params['allowedValue'])}`);
    case 'minimum':
      return problem(`${shown(subject.node)} is less than ${String(params['limit'])}`);
    case 'maximum':
      return problem(`${shown(subject.node)} is more than ${String(params['limit'])}`);
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return problem('it is empty');
    case 'uniqueItems':
      return problem(`items ${Number(params['j']) + 1} and ${Number(params['i']) + 1} are the same`);
    case 'pattern':
      return error.propertyName === undefined
        ? problem(`${shown(subject.node)} is not valid here`, schema.patternErrorMessage ?? null)
        : badKey(subject, error.propertyName, schema.patternErrorMessage ?? null);
    case 'anyOf':
      return schema.errorMessage === undefined
        ? problem(...choice(subject.node, enumOf(schema)))
        : problemAt(
            subject.keyPlace ?? firstKey(subject.node) ?? value,
            `Cannot use ${subject.called}: ${lower(schema.errorMessage)}`,
          );
    case 'not':
      return problemAt(
        subject.keyPlace ?? firstKey(subject.node) ?? value,
        `Cannot use ${subject.called}: ${lower(schema.errorMessage ?? 'it is not valid')}`,
      );
    default:
      return problem(error.message ?? 'it is not valid');
  }
}

function unknownKey(subject: Subject, schema: SchemaPart, key: string): Problem {
  const place = keyPlace(subject, key);
  const title = schema.title ?? 'map';
  const suggestion = didYouMean(key, knownKeys(schema));
  return problemAt(place, `Cannot use key ${quoted(key)}: ${article(title)} has no such key`, suggestion);
}

function badKey(subject: Subject, key: string, suggestion: string | null): Problem {
  return problemAt(
    keyPlace(subject, key),
    `Cannot use name ${quoted(key)}: it is not valid here`,
    suggestion,
  );
}

function keyPlace(subject: Subject, key: string): Place {
  const entry = subject.node.kind === 'map' ? subject.node.entries.get(key) : undefined;
  return entry?.keyPlace ?? valuePlace(subject);
}

function firstKey(node: Node): Place | undefined {
  return node.kind === 'map' ? node.entries.values().next().value?.keyPlace : undefined;
}

function valuePlace({ node, keyPlace }: Subject): Place {
  if (node.kind === 'scalar' && node.text !== '') return { ...node.place, length: firstLine(node.place) };
  return keyPlace ?? firstKey(node) ?? { ...node.place, length: firstLine(node.place) };
}

function choice(node: Node, allowed: unknown): [string, string | null] {
  const words = (Array.isArray(allowed) ? allowed : []).filter((word) => typeof word === 'string');
  const list = words.map(quoted).join(', ');
  const what = `${shown(node)} is not ${words.length > 1 ? `one of ${list}` : list}`;
  return [what, node.kind === 'scalar' ? didYouMean(node.text, words) : null];
}

function enumOf(schema: SchemaPart): unknown {
  return schema.anyOf?.[0]?.enum;
}

function shown(node: Node): string {
  if (node.kind !== 'scalar') return kindOf(node);
  return typeof node.value === 'string' ? quoted(node.text) : node.text;
}

function kindOf(node: Node): string {
  if (node.kind !== 'scalar') return `a ${node.kind}`;
  if (node.value === null) return 'empty';
  if (typeof node.value === 'string') return 'text';
  return typeof node.value === 'number' ? 'a number' : 'true or false';
}

/** Pattern of text that has to be a template, because anything else would be written without quotes. */
const TEMPLATE = '\\{\\{';

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a map',
  array: 'a list',
};

function expected(schema: SchemaPart): string {
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const text = schema.pattern === TEMPLATE ? 'a template' : TYPES['string'];
  const words = types.flatMap((type) => (type === 'string' ? text : TYPES[type]) ?? []);
  const last = words.pop() ?? 'that';
  return words.length === 0 ? last : `${words.join(', ')} or ${last}`;
}

function typeHint(node: Node, schema: SchemaPart): string | null {
  if (schema.patternErrorMessage !== undefined) return schema.patternErrorMessage;
  if (node.kind !== 'scalar' || node.value === null || schema.type === undefined) return null;
  return schema.type.includes('string') ? `Quote the value: "${node.text}"` : null;
}

function article(title: string): string {
  return `${/^[aeiou]/.test(title) ? 'an' : 'a'} ${title}`;
}

function lower(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`.replace(/\.$/, '');
}
