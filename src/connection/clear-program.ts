import { SEEK } from './home-text.ts';
import { assign } from './script-program.ts';
import { program } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';
import { STOP } from './stop-text.ts';
import { CLAIM, PROCESSES } from './supervisor.ts';

/** Names of runs have no spaces. Directories above are shared with others of the deployment, and go with the last. */
export const CLEAR: ShellText = `
clear() {
  umask 077
  seek
  runs=$HOME/$base
  [ -d "$runs" ] || return 0
  names=
  for claim in "$runs"/*/claim; do
    [ -e "$claim" ] || continue
    claim=\${claim%/claim}
    names="$names \${claim##*/}"
  done
  stop $names
  cd / || exit 1
  rm -rf -- "$runs" || exit 1
  parent=\${runs%/*}
  rmdir -- "$parent" "\${parent%/*}" 2>/dev/null
  case $HOME in */tmp/launch-plan-[0-9]*) rmdir -- "$HOME" 2>/dev/null ;; esac
  return 0
}`;

/** Ends the runs of a machine and removes all that the deployment has put on it. */
export function clearProgram(base: string): Buffer {
  return program([assign({ base, nonce: '' }), PROCESSES, CLAIM, STOP, SEEK, CLEAR, 'clear'].join('\n'));
}
