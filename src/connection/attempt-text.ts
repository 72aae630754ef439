import type { ShellText } from './shell-text.ts';

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
