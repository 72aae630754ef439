import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { childSignal } from '../child-signal.ts';
import { commandOf } from './argument.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { createMarkerStream } from './marker-stream.ts';
import { afterLine, listenerSink } from './transfer-output.ts';
import { GET, PUT } from './transfer-text.ts';
import { packTree } from './tree-pack.ts';
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
  const onStdout = createMarkerStream(nonce, {
    onMarker(word, rest) {
      answer = word;
      why = rest;
    },
    onData: () => undefined,
  });
  const stdin = Readable.from(packTree(tree, onBytes), { objectMode: false, highWaterMark: 256 * 1024 });
  try {
    const { stderr } = await connection.exec(commandOf(user)(words), { signal, stdin, onStdout });
    if (answer === 'done') return;
    throw refused(`copy "${tree.path}" to "${to}"`, why, stderr);
  } finally {
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
  const bytes = new PassThrough({ highWaterMark: 256 * 1024 });
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
    if (line === 'file' || line === 'directory')
      await placeTree(path, line, async (top) => {
        await unpackTree(bytes, { kind: line, top, ...(onBytes !== undefined && { onBytes }) });
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
      if (line !== '' && exitCode === 1 && isHarmless(stderr)) return;
      throw refused(`copy "${from}"`, '', stderr);
    } catch (error) {
      bytes.destroy(error as Error);
      throw error;
    }
  }
}

/** A file that somebody writes to is copied as it was found. */
function isHarmless(stderr: Buffer): boolean {
  const lines = stderr.toString('utf8').trim().split('\n');
  return lines.every((line) => /: file changed as we read it$/.test(line));
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
  const text = said.replace(/^(?:tar|mv|mkdir|find|cat|sh): /, '').replace(/^can(?:'t|not) /i, 'cannot ');
  return new ConnectionError(
    'failed',
    `Cannot ${what}: ${text === '' ? 'the machine did not say why' : text}`,
  );
}
