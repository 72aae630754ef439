import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * The state directory: as given, else the nearest `.plan/` upward from here that the caller owns and that holds a
 * `state.db`, else `.plan/` at the root of the git work tree, else `./.plan/`. It need not exist.
 */
export function findStateDirectory({
  given,
  cwd,
  uid = process.getuid?.(),
}: {
  /** `--state-dir` or `PLAN_STATE_DIR`. */
  readonly given: string | undefined;
  readonly cwd: string;
  readonly uid?: number | undefined;
}): string {
  if (given !== undefined) return resolve(cwd, given);
  const here = [...upward(cwd)];
  const own = here
    .map((directory) => join(directory, '.plan'))
    .find((directory) => isOwnState(directory, uid));
  if (own !== undefined) return own;
  const root = here.find((directory) => existsSync(join(directory, '.git')));
  return join(root ?? cwd, '.plan');
}

function isOwnState(directory: string, uid: number | undefined): boolean {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) return false;
  return (uid === undefined || found.uid === uid) && existsSync(join(directory, 'state.db'));
}

function* upward(from: string): Generator<string> {
  for (let directory = resolve(from); ; directory = dirname(directory)) {
    yield directory;
    if (dirname(directory) === directory) return;
  }
}
