import { ConnectionError } from './connection.ts';
import type { Connection, RemoteFile } from './connection.ts';
import { lastLine } from './download.ts';
import { print, program, quote, utf8 } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';

/** A file up to this size travels inside a program, with others; a larger one is the input of a `cat` of its own. */
export const INLINE_LIMIT = 64 * 1024;
const PROGRAM_LIMIT = 1024 * 1024;

/** The command line that runs these words on the machine, as another user perhaps. */
export type CommandOf = (words: readonly string[]) => string;

export function plainCommand(words: readonly string[]): string {
  return `exec ${words.map((word) => (/^[\w./:=-]+$/.test(word) ? word : quote(word))).join(' ')}`;
}

/**
 * Shell functions that put a file in place: `place <path> <mode>` takes the bytes from its standard input or from
 * the command behind, under a temporary name, then renames.
 */
export const PLACE: ShellText = `
own() {
  [ -z "\${owner-}" ] || chown -- "$owner" "$1"
}
place() {
  path=$1 mode=$2
  shift 2
  if [ -d "$path" ]; then
    printf '%s: it is a directory\\n' "$path" >&2
    return 1
  fi
  case $path in */*) [ -d "\${path%/*}/" ] || (umask "\${mask:-022}" && exec mkdir -p -- "\${path%/*}") || return 1 ;; esac
  temporary=$path.$$.tmp
  if (umask 077; "$@" >"$temporary") && chmod "$mode" "$temporary" && own "$temporary" && mv -f -- "$temporary" "$path"; then return 0; fi
  why=$( (echo x | LC_ALL=C cat >"$temporary") 2>&1) || printf '%s: %s\\n' "$path" "$why" >&2
  rm -f -- "$temporary"
  return 1
}`;

const PLACE_ONE = `case $1 in /*) ;; *) cd \${PLAN_HOME:+"$PLAN_HOME"} || exit 1 ;; esac${PLACE}
receive() {
  cat && [ "$(wc -c <"$temporary")" -eq "$size" ]
}
size=$3
place "$1" "$2" receive`;

/** Writes files through `exec` as `Connection.upload` promises. */
export async function upload(
  connection: Pick<Connection, 'exec'>,
  files: readonly RemoteFile[],
  { signal, command = plainCommand }: { readonly signal: AbortSignal; readonly command?: CommandOf },
): Promise<void> {
  const small = files.filter((file) => file.bytes.length <= INLINE_LIMIT);
  const large = files.filter((file) => file.bytes.length > INLINE_LIMIT);
  for (const batch of batches(small)) {
    const text = [
      ...(batch.every(({ path }) => path.startsWith('/')) ? [] : ['cd || exit 1']),
      PLACE,
      ...batch.map((file) => `${placeCommand(quote(utf8(fromHome(file.path))), file)} || exit 1`),
    ];
    const { exitCode, stderr } = await connection.exec(command(['sh', '-s']), {
      signal,
      stdin: program(text.join('\n')),
    });
    if (exitCode !== 0) throw uploadError(batch.length === 1 ? batch[0]?.path : undefined, stderr);
  }
  await Promise.all(large.map((file) => uploadOne(connection, file, command, signal)));
}

/** The command that puts one file in place; `path` is a shell word that is ready to use. */
export function placeCommand(
  path: ShellText,
  { mode, bytes }: Pick<RemoteFile, 'mode' | 'bytes'>,
): ShellText {
  return `place ${path} ${octal(mode)} ${print(bytes)}`;
}

async function uploadOne(
  connection: Pick<Connection, 'exec'>,
  { path, mode, bytes }: RemoteFile,
  command: CommandOf,
  signal: AbortSignal,
): Promise<void> {
  const words = ['sh', '-c', PLACE_ONE, 'sh', fromHome(path), octal(mode), String(bytes.length)];
  const { exitCode, stderr } = await connection.exec(command(words), { signal, stdin: bytes });
  if (exitCode !== 0) throw uploadError(path, stderr);
}

function uploadError(path: string | undefined, stderr: Buffer): ConnectionError {
  const what = path === undefined ? 'files' : `"${path}"`;
  return new ConnectionError('failed', `Cannot upload ${what}: ${lastLine(stderr)}`);
}

/** The path of a `RemoteFile` as it is written while the working directory is the home. */
function fromHome(path: string): string {
  const place = path.startsWith('~/') ? path.slice(2) : path;
  return place.startsWith('/') ? place : `./${place}`;
}

export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(3, '0');
}

function* batches(files: readonly RemoteFile[]): Generator<RemoteFile[]> {
  let batch: RemoteFile[] = [];
  let size = 0;
  for (const file of files) {
    if (size > 0 && size + file.bytes.length > PROGRAM_LIMIT) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(file);
    size += file.bytes.length;
  }
  if (batch.length > 0) yield batch;
}
