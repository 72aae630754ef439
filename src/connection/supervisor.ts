import type { ShellText } from './shell-text.ts';

/**
 * The shell functions that run scripts on machines: POSIX sh, tried under dash, busybox and bash, builtins wherever
 * they will do, because each process that is started costs about half a millisecond.
 *
 *     channel's shell ── forks ──> supervisor ── forks ──> script, leader of a session and process group of its own
 *     waits, reports               holds the claim, writes `exit`; hung up on or not, it stays
 *
 * Files of a run, few because each that is made costs as much as a process: `claim` (pid, start time, boot id of the
 * supervisor; `group`, the same of the script; `exit` or `unprepared` in the end), `log`, `followed` (somebody reads
 * the log already), `outputs`, and the script. A line counts only with its newline, so that a file that is being
 * written is not taken for a finished one.
 *
 * What a program tells begins with `$nonce`, which nothing else that is printed can contain.
 */
export const SPEECH: ShellText = `
say() {
  printf '%s %s\\n' "$nonce" "$*"
}`;

export const PROCESSES: ShellText = `
boot=-
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
pause() {
  sleep "$1" 2>/dev/null || sleep 1
}
fields() {
  state=$1 leads=$3 start=\${20}
}
process() {
  state=- start=-
  { read -r line <"/proc/$1/stat"; } 2>/dev/null && fields \${line##*) }
}
identify() {
  state=- leads=- start=-
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
}`;

export const CLAIM: ShellText = `
look() {
  claimant='' on=- group='' code=''
  {
    {
      read -r claimant since on || claimant='' on=-
      while read -r word rest; do
        case $word in
          group) group=$rest ;;
          exit) code=$rest ;;
          unprepared) code=$word why=$rest ;;
        esac
      done
    } <claim
  } 2>/dev/null
}
claimed() {
  look
  [ -n "$claimant" ]
}
ended() {
  look
  [ -n "$code" ]
}`;

/** Needs `inhabit`. */
export const DIRECTORIES: ShellText = `
directories() {
  line=
  { { read -r line && read -r line mask; } </proc/self/status; } 2>/dev/null
  [ "$line" = Umask: ] || mask=$(umask)
  umask 077
  inhabit
  cd || exit 1
  runs=$HOME/$base work=$HOME/$base/work
}`;

/** Finds what makes a session; without such a program a subshell that is started next leads a process group. */
export const LEADER: ShellText = `
leader() {
  for leader in /usr/bin/setsid /bin/setsid /usr/local/bin/setsid /usr/bin/perl /usr/local/bin/perl; do
    [ -x "$leader" ] && return
  done
  leader=
  set -m 2>/dev/null
}`;

export const LAUNCH: ShellText = `${LEADER}
begin() {
  [ "$leader" = self ] || identify
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
  printf 'group %s/%s/%s\\n' "$pid" "$start" "$boot" >>"$dir/claim"
}
supervise() {
  trap '' HUP INT TERM
  identify
  leader
  set -C
  { printf '%s %s %s\\n' "$pid" "$start" "$boot" >claim; } 2>/dev/null || exit 97
  set +C
  if { inscribe && prepare; } 2>outputs; then
    : >outputs
    (launch) >>log 2>&1
    printf 'exit %s\\n' "$?" >>claim
  else
    read -r why <outputs
    printf 'unprepared %s\\n' "$why" >>claim
  fi
}
run() {
  dir=$runs/$name
  [ -d "$dir" ] && [ -d "$work" ] || mkdir -p -- "$dir" "$work" || exit 1
  cd "$dir" || exit 1
  whole=
  if ! [ -e claim ]; then
    staged || {
      say missing "$HOME"
      exit 0
    }
    [ -z "$first" ] || (stop $first)
  fi
  : >>"$dir/log" || exit 1
  say started "$HOME"
  if [ -e claim ]; then
    ended && whole=1
    await
  else
    (supervise) </dev/null >/dev/null 2>&1
    if [ $? -eq 97 ] && { claimed || ! full "$dir"; }; then await; fi
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
    if [ "$claimant" = stopped ]; then say gone stopped
    elif [ -n "$claimant" ] && [ "$on" != "$boot" ]; then say gone restarted
    elif full "$PWD"; then say gone full "$why"
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
  seek
  cd "$HOME/$base/$name" 2>/dev/null && [ -e claim ] || {
    say none
    exit 0
  }
  : >>log
  whole=
  ended && whole=1
  say started "$HOME"
  await
  report
}`;
