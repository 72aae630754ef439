import type { Problem } from './diagnostic.ts';

/** Sorted by place, the plan's own file first, each one once. */
export function arrangeProblems(problems: readonly Problem[], planFile: string): readonly Problem[] {
  const once = new Map<string, Problem>();
  for (const problem of problems) {
    const key = `${problem.file}\0${problem.line}\0${problem.column}\0${problem.message}`;
    if (!once.has(key)) once.set(key, problem);
  }
  return [...once.values()].sort(
    (a, b) =>
      Number(a.file !== planFile) - Number(b.file !== planFile) ||
      compare(a.file, b.file) ||
      a.line - b.line ||
      a.column - b.column ||
      compare(a.message, b.message),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A value of the plan's author as messages show it: on one line, in double quotes, not too long. */
export function quoted(value: string): string {
  const short = value.length > 60 ? `${value.slice(0, 57)}…` : value;
  return JSON.stringify(short).replaceAll('\\"', '"');
}
