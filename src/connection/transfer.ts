import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { childSignal } from '../child-signal.ts';
import { commandOf } from './argument.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { createMarkerStream } from './marker-stream.ts';
import { afterLine, listenerSink } from './transfer-output.ts';
import { spellTree } from './transfer-plain.ts';
import { GET, PUT } from './transfer-text.ts';
import type { TreeFormat } from './tree-entries.ts';
import { packTree, PIECE } from './tree-pack.ts';
import { placeTree } from './tree-place.ts';
import type { Tree } from './tree-survey.ts';
import { unpackTree } from './tree-unpack.ts';
import { octal } from './upload.ts';

export interface TransferOptions {
  readonly signal: AbortSignal;
  /** Told how many bytes of files have been passed on since it was told last. */
  readonly onBytes?: (count: number) => void;
}

export interface PutRequest {
  readonly tree: Tree;
  /** What it is called in a directory; `.`: only what is in it is copied. */
  readonly name: string;
  /** On the machine: absolute, or relative to the home of the user, which `~` stands for too. */
  readonly to: string;
  /** Others are copied there too, so that it has to be a directory. */
  readonly isOneOfSeveral: boolean;
  readonly user: string | null;
}

/** Copies a file or a tree to the machine; rejects with what keeps it from being there. */
export async function putTree(
  connection: Connection,
  { tree, name, to, isOneOfSeveral, user }: PutRequest,
  { signal, onBytes }: TransferOptions,
): Promise<void> {
  signal.throwIfAborted();
  const nonce = newNonce();
  const mode = octal(tree.entries[0]?.mode ?? 0o755);
  const several = isOneOfSeveral ? 'several' : '';
  const words = ['sh', '-c', PUT, 'sh', to, name, tree.kind, mode, several, user ?? '', nonce];
  let answer = '';
  let why = '';
  let begin: (format: TreeFormat | undefined) => void = () => undefined;
  const begun = new Promise<TreeFormat | undefined>((resolve) => (begin = resolve));
  const onStdout = createMarkerStream(nonce, {
    onMarker(word, rest) {
      answer = word;
      why = rest;
      if (word === 'ready') begin(rest === 'tar' ? 'tar' : 'plain');
    },
    onData: () => undefined,
  });
  async function* input(): AsyncGenerator<Buffer> {
    const format = await begun;
    if (format !== undefined) yield* (format === 'tar' ? packTree : spellTree)(tree, onBytes);
  }
  const stdin = Readable.from(input(), { objectMode: false, highWaterMark: PIECE });
  try {
    const { stderr } = await connection.exec(commandOf(user)(words), { signal, stdin, onStdout });
    if (answer === 'done') return;
    throw refused(`copy "${tree.path}" to "${to}"`, answer === 'failed' ? why : '', stderr);
  } finally {
    begin(undefined);
    stdin.destroy();
  }
}

export interface GetRequest {
  /** On the machine, as `PutRequest.to`. What it links to is followed. */
  readonly from: string;
  /** On this computer: what it becomes. */
  readonly path: string;
  readonly user: string | null;
}

/** Copies a file or a tree from the machine. */
export async function getTree(
  connection: Connection,
  { from, path, user }: GetRequest,
  { signal, onBytes }: TransferOptions,
): Promise<void> {
  signal.throwIfAborted();
  const nonce = newNonce();
  using both = childSignal(signal);
  const bytes = new PassThrough({ highWaterMark: PIECE });
  bytes.on('error', () => undefined);
  const told = { line: '' };
  let answer: (() => void) | undefined;
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const stdout = listenerSink(
    afterLine(
      nonce,
      (line) => {
        told.line = line;
        answer?.();
      },
      (chunk) => (bytes.write(chunk) ? undefined : drained(bytes)),
    ),
  );
  stdout.on('error', () => undefined);
  const running = send();
  // Whoever waits for it hears of it.
  running.catch(() => undefined);
  try {
    await Promise.race([answered, running]);
    const { line } = told;
    const [kind, way] = line.split(' ');
    if (kind === 'file' || kind === 'directory')
      await placeTree(path, kind, async (top) => {
        const format = way === 'tar' ? 'tar' : 'plain';
        await unpackTree(bytes, { kind, format, top, path, ...(onBytes !== undefined && { onBytes }) });
        await running;
      });
    else {
      await running;
      throw refused(`copy "${from}"`, line.replace(/^failed /, ''), Buffer.alloc(0));
    }
  } catch (error) {
    both.abort(error);
    bytes.destroy();
    await running.catch(() => undefined);
    signal.throwIfAborted();
    throw error;
  }

  /** Resolves when the machine has sent all, rejects when it could not. */
  async function send(): Promise<void> {
    const words = ['sh', '-c', GET, 'sh', from, user ?? '', nonce];
    try {
      const { exitCode, stderr } = await connection.exec(commandOf(user)(words), {
        signal: both.signal,
        stdout,
      });
      stdout.end();
      await finished(stdout, { signal: both.signal });
      bytes.end();
      const { line } = told;
      if (line.startsWith('failed ') || exitCode === 0) return;
      if (line !== '' && isHarmless(stderr)) return;
      throw refused(`copy "${from}"`, '', stderr);
    } catch (error) {
      bytes.destroy(error as Error);
      throw error;
    }
  }
}

const HARMLESS = [
  /: file changed as we read it$/,
  /: File removed before we read it$/,
  /: Cannot (?:stat|open): No such file or directory$/,
  /: Exiting with failure status due to previous errors$/,
  /^find: .*: No such file or directory$/,
];

/** A file that somebody writes to is copied as it was found, one that is gone meanwhile is not. */
function isHarmless(stderr: Buffer): boolean {
  const lines = stderr.toString('utf8').trim().split('\n');
  return lines.every((line) => HARMLESS.some((pattern) => pattern.test(line)));
}

async function drained(stream: PassThrough): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off('drain', go).off('close', go);
      resolve();
    };
    stream.on('drain', go).on('close', go);
    if (stream.destroyed) go();
  });
}

function newNonce(): string {
  return `plan-${randomBytes(12).toString('hex')}`;
}

function refused(what: string, why: string, stderr: Buffer): ConnectionError {
  const said = why === '' ? (stderr.toString('utf8').trim().split('\n')[0] ?? '') : why;
  const text = said
    .replace(/^(?:tar|mv|mkdir|find|cat|head|dd|sh|bash): /, '')
    .replace(/^can(?:'t|not) /i, 'cannot ')
    .replace(/^cannot move '[^']*\.plan-copy-[^']*' to /, 'cannot write ');
  return new ConnectionError(
    'failed',
    `Cannot ${what}: ${text === '' ? 'the machine did not say why' : text}`,
  );
}
