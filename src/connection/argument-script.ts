import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { commandOf } from './argument.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { lastLine } from './download.ts';

/** A file that is put to a temporary place on the machine, to be run there. */
export interface ScriptFile {
  /** What it is called; only its last part counts. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Where a script was put; `words` run it. */
export interface PlacedScript {
  readonly words: readonly string[];
  /** Removes it, over any connection to the machine. */
  remove(connection: Connection, options: { readonly signal: AbortSignal }): Promise<void>;
}

const SPOTS = 'for spot in "${TMPDIR:-/tmp}" /tmp /var/tmp "$HOME"; do';

const PUT = `umask 077
${SPOTS}
  mkdir -- "$spot/$1" 2>/dev/null || continue
  place=$spot/$1/$2
  if cat >"$place" && [ "$(wc -c <"$place")" -eq "$3" ] && chmod 700 "$place"; then
    printf '%s %s\\n' "$1" "$spot"
    exit
  fi
  rm -rf -- "$spot/$1"
  exit 1
done
printf 'there is no place for temporary files\\n' >&2
exit 1`;

const REMOVE = `${SPOTS}
  rm -rf -- "$spot/$1" || exit
done`;

/** Puts a script where only its user can read it. It runs by the interpreter that it names, by sh if it names none. */
export async function placeScript(
  connection: Connection,
  { name, bytes }: ScriptFile,
  user: string | null,
  { signal }: { readonly signal: AbortSignal },
): Promise<PlacedScript> {
  const directory = `plan-script-${randomBytes(12).toString('hex')}`;
  const file = basename(name);
  const command = commandOf(user);
  const remove: PlacedScript['remove'] = async (another, options) => {
    await another.exec(command(['sh', '-c', REMOVE, 'sh', directory]), options);
  };
  const words = ['sh', '-c', PUT, 'sh', directory, file, String(bytes.length)];
  const { exitCode, stdout, stderr } = await connection.exec(command(words), { signal, stdin: bytes });
  const told = stdout.toString('utf8');
  const at = told.lastIndexOf(`${directory} `);
  if (exitCode !== 0 || at < 0)
    throw new ConnectionError('failed', `Cannot put "${file}" on the machine: ${lastLine(stderr)}`);
  const spot = told.slice(at + directory.length + 1).replace(/\n$/, '');
  return { words: [...interpreterOf(bytes), `${spot}/${directory}/${file}`], remove };
}

/** The words before a script's path: none for a program that is no text. Works where nothing may be executed, too. */
export function interpreterOf(bytes: Buffer): readonly string[] {
  const begin = bytes.subarray(0, 4_096).toString('utf8');
  if (!begin.startsWith('#!')) return begin.includes('\0') ? [] : ['/bin/sh'];
  const match = /^#![ \t]*([^ \t\n]+)(?:[ \t]+([^\n]*?))?[ \t\r]*(?:\n|$)/.exec(begin);
  return [match?.[1] ?? '', match?.[2] ?? ''].filter((word) => word !== '');
}
