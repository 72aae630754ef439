import type { ShellText } from './shell-text.ts';
import { quote } from './shell-text.ts';

/**
 * Where a program keeps its files: `$HOME/$base`. Where the home is missing or cannot be written, `HOME` becomes a
 * private directory beside other users' temporary files until the script starts. Which one is found again: that which
 * has `$base` already. `seek` only looks, `inhabit` makes.
 */
export const SEEK: ShellText = `
private() {
  listed=$(ls -ldn -- "$1" 2>/dev/null)
  set -- "$1" $listed
  case \${2-} in drwx------*) [ "$4" = "$uid" ] ;; *) return 1 ;; esac
}
move() {
  real=$HOME HOME=$1 PLAN_RESTORE='HOME=$real'
}
seek() {
  [ -z "\${PLAN_HOME-}" ] || return 0
  [ -d "$HOME/$base" ] && [ -w "$HOME/$base" ] && return
  uid=
  for spot in /var/tmp/launch-plan-* /tmp/launch-plan-*; do
    [ -d "$spot/$base" ] || continue
    : "\${uid:=$(id -u)}"
    [ "\${spot##*-}" = "$uid" ] && private "$spot" && move "$spot" && return
  done
  return 1
}`;

/** Makes the directories of a run, of a name that may be empty; what a full disk refuses has to be said. */
export const INHABIT: ShellText = `${SEEK}
furnish() {
  [ -d "$HOME/$base/$name" ] && { [ -n "$owner" ] || [ -d "$HOME/$base/work" ]; } && return
  if [ -n "$owner" ]; then LC_ALL=C mkdir -p -- "$HOME/$base/$name"
  else LC_ALL=C mkdir -p -- "$HOME/$base/$name" "$HOME/$base/work"
  fi
}
refuse() {
  printf '%s\\n' "$why" >&2
  exit 1
}
inhabit() {
  if seek; then
    furnish || exit 1
    return
  fi
  why="$HOME: there is no such directory"
  if [ -d "$HOME" ]; then
    furnish 2>/dev/null && return
    why=$(furnish 2>&1) && return
    case $why in *Read-only* | *denied* | *permitted*) ;; *) refuse ;; esac
  fi
  : "\${uid:=$(id -u)}"
  for spot in "/var/tmp/launch-plan-$uid" "/tmp/launch-plan-$uid"; do
    mkdir -- "$spot" 2>/dev/null
    private "$spot" && move "$spot" || continue
    furnish 2>/dev/null && return
    HOME=$real PLAN_RESTORE=
  done
  refuse
}`;

/** Tells why nothing can be written in a directory; false when it can. */
export const FULL: ShellText = `
full() {
  if why=$( (echo x | LC_ALL=C cat >"$1/room") 2>&1); then
    rm -f -- "$1/room"
    return 1
  fi
  rm -f -- "$1/room"
  why="$1: $why"
}`;

const INHABIT_AS_OWNER = `umask 077
base=$0 PLAN_HOME=\${1-} name='' owner=''
HOME=\${PLAN_HOME:-$HOME}
${INHABIT}
inhabit
printf %s "$HOME/$base/work"`;

/** For programs that run as root and may have to put things into the work directory of somebody else. */
export const OWNER: ShellText = `
as_owner() {
  if command -v su >/dev/null 2>&1; then su -s /bin/sh -c "$1" -- "$owner" "$2" "$3"
  else sudo -n -H -u "$owner" -- sh -c "$@"
  fi
}
if [ -n "$owner" ]; then
  eval "home=~$owner"
  work=\${PLAN_WORK:-$home}/$base/work
  [ -d "$work" ] && [ -w "$work" ] ||
    work=$(as_owner ${quote(INHABIT_AS_OWNER)} "$base" "\${PLAN_WORK-}") || exit 1
  unset PLAN_WORK
fi`;
