import type { Problem } from './diagnostic.ts';
import type { DeclaredInput, Draft } from './draft.ts';
import { convertInput, notOfType } from './input-value.ts';
import { readInputFile } from './input-file.ts';
import type { GivenInputs } from './document.ts';
import { didYouMean } from '../nearest.ts';
import type { InputValue } from './plan.ts';
import { quoted } from './problems.ts';
import type { Place } from './text-file.ts';
import { problemAt } from './text-file.ts';

export interface InputValues {
  readonly values: Readonly<Record<string, InputValue>>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** A text for an input, with where it came from for messages. */
interface GivenText {
  readonly text: string;
  readonly from: string;
  /** Null: it has no place in a file. */
  readonly place: Place | null;
}

/**
 * Values of all declared inputs, the first that there is of `--input`, `--input-file`, what was given before, the
 * environment and the default. `isNeeded` tells which of them must have one.
 */
export function inputValues(
  draft: Draft,
  given: GivenInputs,
  isNeeded: (input: string) => boolean,
): InputValues {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const texts = new Map<string, GivenText>();
  readRecorded(draft, given, texts);
  for (const path of given.files) readInputFile(draft, path, { problems, warnings }, texts);
  readFlags(draft, given, problems, texts);
  const values = [...draft.inputs.values()].map((input): [string, InputValue] => {
    const isGiven = texts.has(input.name);
    const text = texts.get(input.name) ?? readEnvironment(input, given);
    const value = text === undefined ? input.fallback : convertGiven(input, text, problems);
    if (text === undefined && !input.hasDefault && isNeeded(input.name))
      problems.push(
        problemAt(
          input.place,
          `Cannot go on without input ${quoted(input.name)}: it has no value`,
          supplyHint(input),
        ),
      );
    return [input.name, { value, sensitive: input.sensitive, given: isGiven }];
  });
  return { values: Object.fromEntries(values), problems, warnings };
}

function readRecorded(draft: Draft, given: GivenInputs, texts: Map<string, GivenText>): void {
  for (const [name, text] of Object.entries(given.recorded))
    if (draft.inputs.has(name))
      texts.set(name, { text, from: 'as given to this deployment before', place: null });
}

function readFlags(
  draft: Draft,
  given: GivenInputs,
  problems: Problem[],
  texts: Map<string, GivenText>,
): void {
  const start: Place = { file: draft.file, offset: 0, length: 1 };
  for (const flag of given.flags) {
    const at = flag.indexOf('=');
    const name = at === -1 ? flag : flag.slice(0, at);
    if (at < 1) {
      problems.push(
        problemAt(
          start,
          `Cannot use --input ${quoted(flag)}: it is not name=value`,
          'Write --input name=value.',
        ),
      );
    } else if (!draft.inputs.has(name)) {
      const suggestion = didYouMean(name, draft.inputs.keys());
      problems.push(
        problemAt(start, `Cannot use --input ${quoted(name)}: the plan declares no such input`, suggestion),
      );
    } else {
      texts.set(name, { text: flag.slice(at + 1), from: 'as given by --input', place: null });
    }
  }
}

function readEnvironment(input: DeclaredInput, given: GivenInputs): GivenText | undefined {
  const text = input.env === null || !Object.hasOwn(given.env, input.env) ? undefined : given.env[input.env];
  return text === undefined
    ? undefined
    : { text, from: `from environment variable ${input.env ?? ''}`, place: null };
}

function convertGiven(
  input: DeclaredInput,
  { text, from, place }: GivenText,
  problems: Problem[],
): InputValue['value'] {
  const value = convertInput(text, input.type);
  if (value !== undefined) return value;
  const shown = input.sensitive ? 'the value' : quoted(text);
  const message = `Cannot use ${shown} for input ${quoted(input.name)}, ${from}: it is ${notOfType(input.type)}`;
  problems.push(problemAt(place ?? input.place, message));
  return undefined;
}

function supplyHint(input: DeclaredInput): string {
  const flag = `Give it by --input ${input.name}=… or --input-file`;
  return input.env === null
    ? `${flag}.`
    : `Set environment variable ${input.env}, or give it by --input ${input.name}=…`;
}
