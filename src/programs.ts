import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** True where a program of this name is found. `path`: directories, as in the variable `PATH`. */
export function isOnPath(name: string, path: string): boolean {
  return path.split(delimiter).some((directory) => isProgram(join(directory, name)));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
