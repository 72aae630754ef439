import { quote } from './shell-text.ts';

/** Service users have a shell that lets nobody in; whoever asks for them by name means another one. */
const PROGRAM = `
shell=$(getent passwd "$(id -un)" 2>/dev/null)
shell=\${shell##*:}
case $shell in */nologin | */false | "") shell=\${SHELL:-/bin/sh} ;; esac
[ -x "$shell" ] || shell=/bin/sh
exec "$shell" -l`;

/** Words that become the shell of whoever runs them, as at a login. */
export const LOGIN_SHELL_WORDS: readonly string[] = ['sh', '-c', PROGRAM];

/** A command line that does. */
export const LOGIN_SHELL = `exec sh -c ${quote(PROGRAM)}`;
