import type { UsageError } from './errors.ts';
import { BUILT_IN_ATTRIBUTES, MACHINE_STATES } from './machine.ts';
import { didYouMean } from './nearest.ts';
import { unreadable } from './selector-term.ts';

/** What `-l` can ask for beside labels; a label of the same name loses. */
export const SELECTABLE_ATTRIBUTES = [...BUILT_IN_ATTRIBUTES, 'state', 'generation'] as const;

/** What one `-l` asks for: all of its requirements at once. `text` is the expression as it was given. */
export interface LabelSelector {
  readonly text: string;
  readonly requirements: readonly Requirement[];
}

/** `notIn` and `absent` are met by machines that lack the key. */
export type Requirement =
  | { readonly kind: 'in' | 'notIn'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'present' | 'absent'; readonly key: string };

const SHAPES =
  'An expression is "key=value", "key!=value", "key in (a,b)", "key notin (a,b)", "key" or "!key", or several with ' +
  'commas between them.';
const KEY = /[^\s,()=!"]+/uy;
const VALUE = /[^\s,()="][^\s,()"]*/uy;
const QUOTED = /"((?:[^"\\]|\\.)*)"/suy;

/** Reads an expression such as `tier=front,zone in (a,b),!retired`. Throws `UsageError`. */
export function parseLabels(text: string): LabelSelector {
  const scanner = createScanner(text);
  const requirements = [parseRequirement(scanner)];
  while (!scanner.atEnd()) {
    if (!scanner.take(',')) throw scanner.wrong('a comma or an operator is missing');
    requirements.push(parseRequirement(scanner));
  }
  return { text, requirements };
}

function parseRequirement(scanner: Scanner): Requirement {
  if (scanner.take('!')) return { kind: 'absent', key: parseKey(scanner) };
  const key = parseKey(scanner);
  if (scanner.take('!=')) return { kind: 'notIn', key, values: [parseValue(scanner, key)] };
  if (scanner.take('==') || scanner.take('=')) return { kind: 'in', key, values: [parseValue(scanner, key)] };
  if (scanner.takeWord('in')) return { kind: 'in', key, values: parseValues(scanner, key) };
  if (scanner.takeWord('notin')) return { kind: 'notIn', key, values: parseValues(scanner, key) };
  return { kind: 'present', key };
}

function parseKey(scanner: Scanner): string {
  const key = scanner.match(KEY) ?? scanner.quoted();
  if (key === null) throw scanner.wrong('the name of a label or an attribute is missing');
  return key;
}

function parseValues(scanner: Scanner, key: string): readonly string[] {
  if (!scanner.take('(')) throw scanner.wrong('"(" is missing');
  const values = [parseValue(scanner, key)];
  while (scanner.take(',')) values.push(parseValue(scanner, key));
  if (!scanner.take(')')) throw scanner.wrong('")" is missing');
  return values;
}

function parseValue(scanner: Scanner, key: string): string {
  scanner.skip();
  const at = scanner.position();
  const value = scanner.quoted() ?? scanner.match(VALUE);
  if (value === null)
    throw scanner.wrong(
      'a value is missing',
      'An empty value, or one with spaces, is written in double quotes.',
    );
  if (key === 'state' && !isMachineState(value))
    throw unreadable(
      'label expression',
      scanner.text,
      at,
      `there is no state ${JSON.stringify(value)}`,
      statesHint(value),
    );
  return value;
}

export function isMachineState(word: string): word is (typeof MACHINE_STATES)[number] {
  return (MACHINE_STATES as readonly string[]).includes(word);
}

export function statesHint(word: string): string {
  return didYouMean(word, MACHINE_STATES) ?? `The states are ${MACHINE_STATES.join(', ')}.`;
}

interface Scanner {
  readonly text: string;
  position(): number;
  skip(): void;
  atEnd(): boolean;
  /** Goes on behind this text if it is what follows. */
  take(expected: string): boolean;
  /** As `take`, if the word ends there. */
  takeWord(expected: string): boolean;
  /** Goes on behind what a sticky pattern matches, if it does. */
  match(pattern: RegExp): string | null;
  /** The content of what is in double quotes, if that follows. */
  quoted(): string | null;
  wrong(why: string, hint?: string): UsageError;
}

function createScanner(text: string): Scanner {
  let at = 0;
  const scanner: Scanner = {
    text,
    position: () => at,
    skip() {
      while (/\s/u.test(text.charAt(at))) at += 1;
    },
    atEnd() {
      scanner.skip();
      return at >= text.length;
    },
    take(expected) {
      scanner.skip();
      if (!text.startsWith(expected, at)) return false;
      at += expected.length;
      return true;
    },
    takeWord(expected) {
      scanner.skip();
      const ends = /^(?:[\s(,]|$)/u.test(text.slice(at + expected.length, at + expected.length + 1));
      return ends && scanner.take(expected);
    },
    match(pattern) {
      return run(pattern)?.[0] ?? null;
    },
    quoted() {
      return run(QUOTED)?.[1]?.replace(/\\(.)/gsu, '$1') ?? null;
    },
    wrong: (why, hint = SHAPES) => {
      scanner.skip();
      return unreadable('label expression', text, at, why, hint);
    },
  };

  function run(pattern: RegExp): RegExpExecArray | null {
    scanner.skip();
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  }

  return scanner;
}
