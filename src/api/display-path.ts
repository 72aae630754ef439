import { relative } from 'node:path';

/** A path as people like to read it: relative to the working directory where that is shorter. */
export function displayPath(path: string, cwd: string): string {
  const near = relative(cwd, path);
  return near !== '' && near.length < path.length ? near : path;
}
