import type { ShellText } from './shell-text.ts';

/**
 * A try that prints to the channel itself; needs what `SUPERVISE` needs. A channel's shell that leads a process group
 * lends it to the script, for that saves a process, and outlives what the script may send to its own group.
 */
export const ATTEMPT: ShellText = `
record() {
  say group "$pid" "$start" "$boot"
}
attempt() {
  [ -d "$HOME/$base" ] && [ -d "$work" ] || mkdir -p -- "$HOME/$base" "$work" || exit 1
  staged || {
    say missing "$HOME"
    exit 0
  }
  if ! { inscribe && prepare; }; then
    full "$HOME/$base" && printf '%s\\n' "$why" >&2
    exit 1
  fi
  identify
  if [ "$leads" = "$$" ]; then
    leader=self
    trap : HUP INT TERM
  else
    leader
  fi
  say started
  (launch) </dev/null 2>&1
  say exit "$?"
  say end
}`;
