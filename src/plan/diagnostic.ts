/** One problem of a plan, with the place that it is about. */
export interface Problem {
  /** Path as it is shown: relative to the working directory where that is shorter. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in characters. */
  readonly column: number;
  readonly message: string;
  /** The source line, without its line break. */
  readonly source: string;
  /** Characters under the caret, at least 1. */
  readonly length: number;
  /** What was probably meant, or what to do: printed on a line of its own. */
  readonly suggestion: string | null;
}

const CONTEXT = 100;
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;
const NO_WIDTH = /\p{Mn}|\p{Me}|\p{Cf}/u;
/** Characters that would move the cursor, or reorder the line, of the terminal that shows them. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Problems for people, each as `file:line:col: message`, the source line with carets, and its suggestion on a line of
 * its own; ends with a line break unless there are none.
 */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(formatProblem).join('');
}

function formatProblem(problem: Problem): string {
  const lines = [
    `${printable(problem.file)}:${problem.line}:${problem.column}: ${printable(problem.message)}`,
  ];
  if (problem.source.trim() !== '') {
    const { before, marked, after } = excerpt(problem);
    lines.push(
      `  ${before.map(shown).join('')}${marked.map(shown).join('')}${after.map(shown).join('')}`.trimEnd(),
    );
    lines.push(`  ${before.map(blank).join('')}${'^'.repeat(Math.max(1, width(marked)))}`);
  }
  if (problem.suggestion !== null) lines.push(`  ${printable(problem.suggestion)}`);
  return `${lines.join('\n')}\n`;
}

/** The source line around the marked characters: lines of any length stay readable. */
function excerpt(problem: Problem): { before: string[]; marked: string[]; after: string[] } {
  const characters = Array.from(problem.source);
  const start = Math.min(problem.column - 1, characters.length);
  const end = Math.min(start + problem.length, characters.length);
  const before = characters.slice(Math.max(0, start - CONTEXT), start);
  const marked = characters.slice(start, Math.min(end, start + CONTEXT));
  const after = characters.slice(start + marked.length, start + marked.length + CONTEXT);
  if (start > CONTEXT) before[0] = '…';
  if (start + marked.length + CONTEXT < characters.length) after.push('…');
  return { before, marked, after };
}

function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}

function shown(character: string): string {
  return character === '\t' ? character : printable(character);
}

/** As wide as the character above it: a tab stays a tab. */
function blank(character: string): string {
  return character === '\t' ? character : ' '.repeat(columns(character));
}

function width(characters: readonly string[]): number {
  return characters.reduce((sum, character) => sum + columns(character), 0);
}

function columns(character: string): number {
  if (character >= ' ' && character <= '~') return 1;
  if (printable(character) !== character) return 1;
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
