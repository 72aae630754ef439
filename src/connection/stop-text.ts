import type { ShellText } from './shell-text.ts';

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
      [ -z "$group$code" ] || break
      alive "$claimant" "$since" "$on" || break
    fi
    pause 0.05
  done
  if ended && [ "$code" = 0 ]; then return; fi
  if [ -n "$group" ]; then
    found="$found $group"
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
