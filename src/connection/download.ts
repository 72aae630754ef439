import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { quote } from './shell-text.ts';

/** The bytes of one file, read by `cat`. `path` as in `RemoteFile`. */
export async function download(
  connection: Pick<Connection, 'exec'>,
  path: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<Buffer> {
  const place = path.startsWith('~/') ? path.slice(2) : path;
  const word = quote(place.startsWith('/') ? place : `./${place}`);
  const { exitCode, stdout, stderr } = await connection.exec(
    `exec sh -c 'case $1 in /*) ;; *) cd || exit ;; esac; exec cat -- "$1"' sh ${word}`,
    { signal },
  );
  if (exitCode === 0) return stdout;
  throw new ConnectionError('failed', `Cannot download "${path}": ${lastLine(stderr)}`);
}

/** What a failed command said last, without the command's own name. */
export function lastLine(output: Buffer): string {
  const line = output.toString('utf8').trim().split('\n').at(-1) ?? '';
  return line === '' ? 'the machine did not say why' : line;
}
