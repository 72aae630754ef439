import { resolve } from 'node:path';

/** `npm run bench` runs at the root of the project. */
export const ROOT = process.cwd();
export const CLI = resolve(ROOT, 'dist/cli/main.js');

/** A program of the benchmark, as it was compiled. */
export function program(name: string): string {
  return resolve(import.meta.dirname, `${name}.js`);
}
