import type { DeclaredInput, InputType } from './draft.ts';
import type { Problem } from './diagnostic.ts';
import { convertInput, notOfType } from './input-value.ts';
import type { Entry, Node, ScalarNode } from './node.ts';
import { child, entriesOf, scalarOf, stringOf } from './node.ts';
import { quoted } from './problems.ts';
import { problemAt } from './text-file.ts';

/** The inputs that a plan declares, by name. */
export function declaredInputs(
  node: Node | undefined,
  problems: Problem[],
): ReadonlyMap<string, DeclaredInput> {
  return new Map([...entriesOf(node)].map((entry) => [entry.key, declaredInput(entry, problems)]));
}

function declaredInput({ key, keyPlace, value }: Entry, problems: Problem[]): DeclaredInput {
  const written = scalarOf(child(value, 'default'));
  const type = typeOf(stringOf(child(value, 'type')), written);
  const fallback = written === undefined ? undefined : convertInput(written.text, type);
  if (written !== undefined && fallback === undefined) {
    const message = `Cannot use default ${quoted(written.text)} of input ${quoted(key)}: it is ${notOfType(type)}`;
    problems.push(problemAt(written.place, message));
  }
  const sensitive = child(value, 'sensitive');
  return {
    name: key,
    place: keyPlace,
    type,
    sensitive: sensitive?.kind === 'scalar' && sensitive.value === true,
    env: stringOf(child(value, 'env')) ?? null,
    hasDefault: child(value, 'default') !== undefined,
    fallback,
  };
}

function typeOf(declared: string | undefined, fallback: ScalarNode | undefined): InputType {
  if (declared === 'string' || declared === 'number' || declared === 'boolean') return declared;
  if (typeof fallback?.value === 'number') return 'number';
  return typeof fallback?.value === 'boolean' ? 'boolean' : 'string';
}
