import type { ShellText } from './shell-text.ts';

/**
 * The shell functions that run scripts on machines: POSIX sh, tried under dash, busybox and bash, builtins wherever
 * they will do, because each process that is started costs about half a millisecond.
 *
 *     channel's shell ── forks ──> supervisor ── forks ──> script, leader of a session and process group of its own
 *     waits, reports               holds the claim, writes `exit`; hung up on or not, it stays
 *
 * Files of a run: `claim` and `group` (pid, start time, boot id of the supervisor and of the script), `log`, `exit`
 * (one line once the script has ended), `followed` (somebody reads the log already), `outputs`,
 * `attributes.json`, `script/`. A line counts only with its newline, so that a file that is being written is not
 * taken for a finished one.
 *
 * What a program tells begins with `$nonce`, which nothing else that is printed can contain.
 */
export const PROCESSES: ShellText = `
unset IFS
boot=-
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
say() {
  printf '%s %s\\n' "$nonce" "$*"
}
pause() {
  sleep "$1" 2>/dev/null || sleep 1
}
fields() {
  state=$1 start=\${20}
}
process() {
  state=- start=-
  { read -r line <"/proc/$1/stat"; } 2>/dev/null && fields \${line##*) }
}
identify() {
  state=- start=-
  if { read -r line </proc/self/stat; } 2>/dev/null; then
    pid=\${line%% *}
    fields \${line##*) }
  else
    pid=$(exec sh -c 'echo $PPID')
  fi
}
alive() {
  [ "$3" = "$boot" ] || return 1
  if [ "$2" = - ]; then
    kill -0 "$1" 2>/dev/null
    return
  fi
  process "$1" && [ "$start" = "$2" ] && [ "$state" != Z ]
}
claimed() {
  { read -r claimant since on <claim; } 2>/dev/null
}
ended() {
  { read -r code why <exit; } 2>/dev/null
}`;

export const LAUNCH: ShellText = `
directories() {
  mask=$(umask)
  umask 077
  cd || exit 1
  runs=$HOME/$base/runs work=$HOME/$base/work home=$HOME
  if [ -n "$owner" ]; then
    eval "home=~$owner"
    work=$home/$base/work
    [ -d "$work" ] || su -s /bin/sh -c 'umask 077; mkdir -p -- "$0"' -- "$owner" "$work" || exit 1
  fi
}
leader() {
  for leader in /usr/bin/setsid /bin/setsid /usr/local/bin/setsid /usr/bin/perl /usr/local/bin/perl; do
    [ -x "$leader" ] && return
  done
  leader=
  set -m 2>/dev/null
}
begin() {
  identify
  record
  cd "$work" || exit 126
  unset OLDPWD
  umask "$mask"
}`;

/** Puts in front of `$@` what makes it the leader of a session of its own, if the machine has a program for that. */
export const LEAD: ShellText = `
  case $leader in
    */setsid) set -- "$leader" "$@" ;;
    */perl) set -- "$leader" -e 'use POSIX; setsid(); exec { $ARGV[0] } @ARGV or exit 126' "$@" ;;
  esac`;

/** Needs `staged`, `inscribe`, `prepare` and `launch`, which a program for one script defines. */
export const SUPERVISE: ShellText = `
record() {
  printf '%s %s %s\\n' "$pid" "$start" "$boot" >"$dir/group"
}
supervise() {
  trap '' HUP INT TERM
  identify
  leader
  set -C
  { printf '%s %s %s\\n' "$pid" "$start" "$boot" >claim; } 2>/dev/null || exit 97
  set +C
  if { inscribe && prepare; } 2>problem; then
    [ -n "$outputs" ] && : >outputs
    (launch) >>log 2>&1
    printf '%s\\n' "$?" >exit
  else
    read -r why <problem
    printf 'unprepared %s\\n' "$why" >exit
  fi
}
run() {
  dir=$runs/$name
  [ -d "$dir/script" ] && [ -d "$work" ] || mkdir -p -- "$dir/script" "$work" || exit 1
  cd "$dir" || exit 1
  whole=
  if ! [ -e claim ]; then
    staged || {
      say missing
      exit 0
    }
    [ -z "$first" ] || (stop $first)
  fi
  : >>log || exit 1
  say started
  if [ -e claim ]; then
    ended && whole=1
    await
  else
    (supervise) </dev/null >/dev/null 2>&1
    [ $? -ne 97 ] || await
  fi
  report
}`;

export const REPORT: ShellText = `
await() {
  rounds=0
  until ended; do
    rounds=$((rounds + 1))
    if claimed; then
      if ! alive "$claimant" "$since" "$on"; then
        ended
        return
      fi
    elif [ "$rounds" -gt 50 ]; then
      return
    fi
    if [ "$rounds" -lt 20 ]; then pause 0.1; else pause 0.5; fi
  done
}
report() {
  if ended; then
    case $code in
      unprepared) say unprepared "$why" ;;
      *) say exit "$code" ;;
    esac
  else
    code=- claimant=- on=-
    claimed
    if [ "$claimant" = stopped ]; then say gone stopped
    elif [ "$on" != "$boot" ]; then say gone restarted
    else say gone killed
    fi
  fi
  if [ -n "$whole" ] || ! [ -e followed ]; then
    say log
    [ -s log ] && cat log
  fi
  if [ "$code" = 0 ] && [ -n "$outputs" ]; then
    say outputs
    [ -s outputs ] && dd if=outputs bs=1048577 count=1 2>/dev/null
  fi
  say end
}`;

export const ATTACH: ShellText = `
attach() {
  cd "$HOME/$base/runs/$name" 2>/dev/null && [ -e claim ] || {
    say none
    exit 0
  }
  : >>log
  whole=
  ended && whole=1
  say started
  await
  report
}`;

/**
 * A try that prints to the channel itself; needs what `SUPERVISE` needs. Tries share one directory by content: the
 * first writes it, another that comes meanwhile waits.
 */
export const ATTEMPT: ShellText = `
record() {
  say group "$pid" "$start" "$boot"
}
written() {
  inscribe && : >ready
}
inscribed() {
  rounds=0
  until [ -e ready ]; do
    set -C
    if { printf '' >writing; } 2>/dev/null; then
      set +C
      written
      return
    fi
    set +C
    rounds=$((rounds + 1))
    if [ "$rounds" -gt 20 ]; then
      written
      return
    fi
    pause 0.1
  done
}
attempt() {
  dir=$HOME/$base/attempts/$name
  [ -d "$dir/script" ] && [ -d "$work" ] || mkdir -p -- "$dir/script" "$work" || exit 1
  cd "$dir" || exit 1
  staged || {
    say missing
    exit 0
  }
  inscribed && prepare || exit 1
  leader
  say started
  (launch) </dev/null 2>&1
  say exit "$?"
  say end
}`;

/** Where nobody reaps orphans (a container without init), a group may keep its dead: `lives` looks past them. */
export const STOP: ShellText = `
present() {
  [ "$3" = "$boot" ] || return 1
  if process "$1" && [ "$2" != - ] && [ "$start" != "$2" ]; then return 1; fi
  kill -0 "-$1" 2>/dev/null || kill -0 "$1" 2>/dev/null
}
signal() {
  for entry in $groups; do
    IFS=/
    set -- $1 $entry
    unset IFS
    present "$2" "$3" "$4" || continue
    kill "-$1" "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null
  done
}
remain() {
  for entry in $groups; do
    IFS=/
    set -- $entry
    unset IFS
    present "$1" "$2" "$3" || continue
    [ "$rounds" -gt 2 ] || return 0
    lives "$1" && return
  done
  return 1
}
lives() {
  [ -e /proc/self/stat ] || return 0
  for entry in /proc/[0-9]*/stat; do
    { read -r line <"$entry"; } 2>/dev/null || continue
    set -- "$1" \${line##*) }
    [ "$4" != "$1" ] || [ "$2" = Z ] || return 0
  done
  return 1
}
finish() {
  groups=$*
  [ -n "$groups" ] || return 0
  signal TERM
  rounds=0
  while remain && [ "$rounds" -lt 40 ]; do
    rounds=$((rounds + 1))
    pause 0.05
  done
  signal KILL
}
grouped() {
  { read -r first_pid first_start first_boot <group; } 2>/dev/null
}
seal() {
  [ -d "$1" ] || mkdir -p -- "$1" || exit 1
  cd "$1" || exit 1
  set -C
  if { printf 'stopped - -\\n' >claim; } 2>/dev/null; then
    set +C
    return
  fi
  set +C
  rounds=0
  while [ "$rounds" -lt 40 ]; do
    rounds=$((rounds + 1))
    if claimed; then
      grouped && break
      ended && break
      alive "$claimant" "$since" "$on" || break
    fi
    pause 0.05
  done
  if ended && [ "$code" = 0 ]; then return; fi
  if grouped; then
    found="$found $first_pid/$first_start/$first_boot"
  elif alive "$claimant" "$since" "$on"; then
    kill -KILL "$claimant"
  fi
}
settle() {
  cd "$1" || return
  rounds=0
  while ! ended && claimed && alive "$claimant" "$since" "$on" && [ "$rounds" -lt 40 ]; do
    rounds=$((rounds + 1))
    pause 0.05
  done
}
stop() {
  found=
  for run in "$@"; do seal "$runs/$run"; done
  finish $found
  for run in "$@"; do settle "$runs/$run"; done
}`;

/** Follows a log from its first byte until a line arrives on standard input, then takes up at the byte after it. */
export const FOLLOW = `
cd && cd "$1/runs/$2" || exit 1
umask 077
: >followed
printf "%s begin\\n" "$3"
tail -c +1 -f log &
follower=$!
read -r word
kill "$follower" 2>/dev/null
wait "$follower" 2>/dev/null
printf "%s stopped\\n" "$3"
read -r seen || exit 0
exec tail -c "+$((seen + 1))" log`;

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
  [ "$(id -u)" = 0 ] || exec sudo -n -H -- "$@" "$user"
  [ "$user" = "$me" ] || set -- "$@" "$user"
  exec "$@"
fi
[ "$user" != "$me" ] || exec "$@"
[ "$(id -u)" = 0 ] || exec sudo -n -H -u "$user" -- "$@"
eval "HOME=~$user"
USER=$user LOGNAME=$user
export HOME USER LOGNAME
cd / || exit 1
if command -v runuser >/dev/null 2>&1; then exec runuser -u "$user" -- "$@"; fi
exec su -s /bin/sh -c "exec \\"\\$0\\" \\"\\$@\\"" -- "$user" "$@"`;
