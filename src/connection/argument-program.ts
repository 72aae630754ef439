import type { ShellText } from './shell-text.ts';
import { LEADER, PROCESSES, SPEECH } from './supervisor.ts';

/**
 * `$1` is this text, so that it can begin again in a session of its own; `$2` the nonce, `$3` set if the user was
 * switched, `$4` set the second time; the rest are the command's words. A shell that leads a process group already,
 * as those that sshd and container engines start do, lends it to the command, which then costs no further process.
 */
export const IDENTIFY: ShellText = `${SPEECH}${PROCESSES}${LEADER}
become() {
  nonce=$1 switched=$2
  shift 3
  [ -z "$switched" ] || cd 2>/dev/null || cd /
  unset OLDPWD
  say group "$pid" "$start" "$boot"
  eval "\${PLAN_RESTORE-}"
  exec "$@"
}
identify
if [ "$leads" != "$pid" ] && [ -z "$4" ]; then
  leader
  text=$1 nonce=$2 switched=$3
  shift 4
  case $leader in
    */setsid) exec "$leader" sh -c 'eval "$1"' sh "$text" "$nonce" "$switched" led "$@" ;;
    */perl) exec "$leader" -e 'use POSIX; setsid(); exec { $ARGV[0] } @ARGV or exit 126' sh -c 'eval "$1"' sh "$text" "$nonce" "$switched" led "$@" ;;
  esac
  (
    identify
    become "$nonce" "$switched" led "$@"
  )
  exit
fi
shift
become "$@"`;
