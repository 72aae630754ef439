import { parseDuration } from '../duration.ts';
import type { Scalar } from '../json.ts';
import { templateOf } from './compiled.ts';
import type { Problem } from './diagnostic.ts';
import type { DeclaredInput, DraftService } from './draft.ts';
import type { Library } from './library.ts';
import type { Node, ScalarNode } from './node.ts';
import { scalarOf } from './node.ts';
import { quoted } from './problems.ts';
import type { Template } from './template.ts';
import { isLiteral, referencesOf, render, TemplateError } from './template.ts';
import { problemAt } from './text-file.ts';
import type { Use } from './uses.ts';

const DAY = 86_400_000;

/** What values are read with: the inputs that are known, and where problems go. */
export interface Reading {
  readonly library: Library;
  readonly inputs: Readonly<Record<string, Scalar>>;
  /** Null: not known yet. */
  readonly deployment: string | null;
  /** By name; no message shows the values of sensitive ones. */
  readonly declared: ReadonlyMap<string, DeclaredInput>;
  readonly providers: ReadonlySet<string>;
  /** The types of providers that are known, by name. */
  readonly providerTypes: Map<string, string>;
  readonly problems: Problem[];
  /** Templates that were found in source files, by service. */
  readonly sourceUses: Map<DraftService, Use[]>;
  /** True once a template file's path was not known. */
  unreadSources: boolean;
}

/** The text of a field that only inputs decide; undefined while an input it needs has no value, or after a problem. */
export function renderText(reading: Reading, node: Node | undefined): string | undefined {
  const scalar = scalarOf(node);
  if (typeof scalar?.value !== 'string') return undefined;
  const template = templateOf(reading.library, scalar);
  if (template === undefined || !isRenderable(reading, template)) return undefined;
  try {
    return render(template, { inputs: reading.inputs, deployment: { name: reading.deployment ?? '' } });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    reading.problems.push(problemAt(scalar.place, error.message));
    return undefined;
  }
}

/** A rendered text as messages show it: as written where a sensitive input is part of it. */
export function showRendered(reading: Reading, node: Node, text: string): string {
  const scalar = scalarOf(node);
  const template = scalar === undefined ? undefined : templateOf(reading.library, scalar);
  if (scalar === undefined || template === undefined) return text;
  for (const input of referencesOf(template).inputs)
    if (reading.declared.get(input)?.sensitive === true) return scalar.text;
  return text;
}

function isRenderable(reading: Reading, template: Template): boolean {
  if (isLiteral(template)) return true;
  if (reading.deployment === null) return false;
  const { inputs, services, self } = referencesOf(template);
  if (services.size > 0 || self.size > 0) return false;
  for (const input of inputs) if (!Object.hasOwn(reading.inputs, input)) return false;
  return true;
}

/** A whole number that the schema found valid, or that a template renders to. */
export function readWhole(
  reading: Reading,
  node: Node | undefined,
  range: { readonly min: number; readonly max: number },
): number | undefined {
  const scalar = scalarOf(node);
  if (scalar === undefined) return undefined;
  const within = (value: number): boolean =>
    Number.isInteger(value) && value >= range.min && value <= range.max;
  if (typeof scalar.value === 'number') return within(scalar.value) ? scalar.value : undefined;
  const text = isTemplated(reading, scalar) ? renderText(reading, scalar) : undefined;
  if (text === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(text) && within(Number(text))) return Number(text);
  const wanted =
    range.max === Infinity
      ? `a whole number of at least ${range.min}`
      : `a whole number from ${range.min} to ${range.max}`;
  reading.problems.push(
    problemAt(
      scalar.place,
      `Cannot use ${quoted(scalar.text)}: it renders to ${quoted(showRendered(reading, scalar, text))}, not ${wanted}`,
    ),
  );
  return undefined;
}

/** Milliseconds of a duration. */
export function readDuration(
  reading: Reading,
  node: Node | undefined,
  longest = LONGEST_TIMER,
): number | undefined {
  const scalar = scalarOf(node);
  const text = renderText(reading, scalar);
  if (scalar === undefined || text === undefined) return undefined;
  const milliseconds = parseDuration(text.trim());
  if (milliseconds !== undefined && milliseconds > 0 && milliseconds <= longest) return milliseconds;
  const templated = isTemplated(reading, scalar);
  if (milliseconds === undefined && !templated) return undefined;
  const subject = templated
    ? `${quoted(scalar.text)}: it renders to ${quoted(showRendered(reading, scalar, text))}, `
    : `${quoted(text)}: it is `;
  const why = milliseconds === undefined ? 'not a duration' : `not between 1ms and ${longest / DAY}d`;
  const hint = milliseconds === undefined ? 'A duration is written like 500ms, 2s, 10m or 1h30m.' : null;
  reading.problems.push(problemAt(scalar.place, `Cannot use ${subject}${why}`, hint));
  return undefined;
}

/** The longest time that a timer of the runtime takes. */
const LONGEST_TIMER = 24 * DAY;

export function isTemplated(reading: Reading, scalar: ScalarNode): boolean {
  const template = templateOf(reading.library, scalar);
  return template !== undefined && !isLiteral(template);
}

/** The templates of a map's values; those whose syntax is wrong are left out. */
export function readTemplates(reading: Reading, node: Node | undefined): Readonly<Record<string, Template>> {
  if (node?.kind !== 'map') return {};
  const pairs: [string, Template][] = [];
  for (const entry of node.entries.values()) {
    const template = readTemplate(reading, entry.value);
    if (template !== null) pairs.push([entry.key, template]);
  }
  return Object.fromEntries(pairs);
}

export function readTemplate(reading: Reading, node: Node | undefined): Template | null {
  const scalar = scalarOf(node);
  return (scalar === undefined ? undefined : templateOf(reading.library, scalar)) ?? null;
}
