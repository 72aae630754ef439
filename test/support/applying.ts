import { describe, it } from 'vitest';

/** A test that is there only where it applies: what a subject does not have is no test of it, and none that is skipped. */
export function itWhere(
  applies: boolean,
): (name: string, test: () => void | Promise<void>, timeout?: number) => void {
  return (name, test, timeout) => {
    if (applies) it(name, test, timeout);
  };
}

/** The same for a group of tests. */
export function describeWhere(applies: boolean): (name: string, tests: () => void) => void {
  return (name, tests) => {
    if (applies) describe(name, tests);
  };
}
