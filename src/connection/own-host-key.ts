import type { Connection } from './connection.ts';
import { formatHostKey, parseHostKey } from './host-key.ts';
import type { ShellText } from './shell-text.ts';

/**
 * Has a machine make an ed25519 host key, if it has none, and its server take it, as root. Of the types that
 * `ssh-keygen -A` would make it is the one that is pinned; RSA takes small machines seconds. Nothing is printed without
 * root, without such a key, or where nobody can tell the server.
 */
export const OWN_HOST_KEY: ShellText = `
key=/etc/ssh/ssh_host_ed25519_key
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
reload() {
  for name in ssh sshd; do
    as_root systemctl reload "$name" && return
    as_root service "$name" reload && return
    as_root rc-service "$name" reload && return
  done
  for file in /run/sshd.pid /var/run/sshd.pid; do
    [ -r "$file" ] && as_root kill -HUP "$(cat "$file")" && return
  done
  return 1
}
main() {
  as_root true || return 0
  [ -s "$key.pub" ] || as_root ssh-keygen -q -t ed25519 -N '' -C '' -f "$key" || return 0
  reload || return 0
  printf 'own-host-key %s\\n' "$(cat "$key.pub")" >&3
}
main 3>&1 >/dev/null 2>/dev/null </dev/null
`;

/** Answers the ed25519 host key that the machine says it has made for itself; null when it has none. */
export async function makeOwnHostKey(
  connection: Connection,
  options: { readonly signal: AbortSignal },
): Promise<string | null> {
  const { stdout } = await connection.exec('sh -s', { ...options, stdin: OWN_HOST_KEY });
  const key = /^own-host-key (ssh-ed25519 [A-Za-z0-9+/]+={0,2})(?: |$)/m.exec(stdout.toString())?.[1];
  return key === undefined ? null : formatHostKey(parseHostKey(key));
}
