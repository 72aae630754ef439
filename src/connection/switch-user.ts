import { ConnectionError } from './connection.ts';
import type { ScriptRun } from './script-runner.ts';
import { plainCommand } from './upload.ts';
import type { CommandOf } from './upload.ts';

/** Who runs a script; the login user unless it says otherwise. */
export type Who = Partial<Pick<ScriptRun, 'user' | 'asRoot'>>;

/**
 * Becomes the user that runs the rest of the words: `$1` (empty: the login user), or root if `$2` is set, who is
 * told the name of the work directory's owner in a last word.
 */
export const SWITCH = `
user=$1 root=$2
shift 2
me=$(id -un) || exit 1
: "\${user:=$me}"
if [ "$root" ]; then
  if [ "$(id -u)" != 0 ]; then
    [ "$user" != "$me" ] || set -- \${PLAN_HOME:+env "PLAN_WORK=$PLAN_HOME"} "$@"
    exec sudo -n -H -- "$@" "$user"
  fi
  [ "$user" = "$me" ] || set -- "$@" "$user"
  exec "$@"
fi
[ "$user" != "$me" ] || exec "$@"
unset PLAN_HOME PLAN_RESTORE
[ "$(id -u)" = 0 ] || exec sudo -n -H -u "$user" -- "$@"
eval "HOME=~$user"
USER=$user LOGNAME=$user
export HOME USER LOGNAME
cd / || exit 1
if command -v runuser >/dev/null 2>&1; then exec runuser -u "$user" -- "$@"; fi
exec su -s /bin/sh -c "exec \\"\\$0\\" \\"\\$@\\"" -- "$user" "$@"`;

/** The command line that runs words as the user that a run asks for. */
export function commandAs({ user = null, asRoot = false }: Who): CommandOf {
  if (user === null && !asRoot) return plainCommand;
  if (user !== null && !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(user)) {
    throw new ConnectionError('failed', `Cannot run a script as "${user}": that is no user name`);
  }
  return (words) => plainCommand(['sh', '-c', SWITCH, 'sh', user ?? '', asRoot ? 'root' : '', ...words]);
}
