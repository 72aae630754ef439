import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { UsageError } from '../errors.ts';
import type { Context } from './context.ts';

/**
 * The passphrase of an export: of `--passphrase-file`, else of `PLAN_PASSPHRASE`, else asked on the terminal, where it
 * is not shown; twice when it is a new one. Null: Ctrl-C was pressed. Rejects with `UsageError` where there is none, with
 * the signal's reason.
 */
export async function passphraseOf(
  context: Context,
  { isNew }: { readonly isNew: boolean },
  cancel: { readonly signal: AbortSignal },
): Promise<string | null> {
  const { io, flags, options } = context;
  const file = options.text('passphrase-file');
  if (file !== undefined) return firstLine(await read(context, file));
  const given = io.env['PLAN_PASSPHRASE'];
  if (given !== undefined && given !== '') return given;
  if (flags.noInput || io.stdin.isTTY !== true || io.stderr.isTTY !== true)
    throw new UsageError(
      'Cannot ask for the passphrase: there is no terminal',
      'Give it by --passphrase-file FILE (- is standard input), or in the environment variable PLAN_PASSPHRASE.',
    );
  using prompt = openPrompt(context, cancel);
  const typed = await prompt.ask('Passphrase: ');
  if (typed === '') throw new UsageError('Nothing was touched: no passphrase was given');
  if (typed === null || !isNew) return typed;
  const again = await prompt.ask('The same again: ');
  if (again !== null && again !== typed)
    throw new UsageError('Nothing was touched: the two passphrases differ');
  return again;
}

async function read({ io }: Context, file: string): Promise<string> {
  if (file === '-') return await text(io.stdin);
  const path = resolve(io.cwd, file);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`Cannot read the passphrase of "${path}": ${why}`);
  }
}

function firstLine(content: string): string {
  const [line = ''] = content.split(/\r?\n/, 1);
  if (line === '') throw new UsageError('Cannot use the passphrase file: its first line is empty');
  return line;
}

interface Prompt extends Disposable {
  /** One line of the terminal, of which nothing is shown; empty when it is closed, null after Ctrl-C. */
  ask(question: string): Promise<string | null>;
}

function openPrompt({ io }: Context, { signal }: { readonly signal: AbortSignal }): Prompt {
  const nowhere = new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
  const lines: (string | null)[] = [];
  let wake: () => void = () => undefined;
  const tell = (line: string | null): void => {
    lines.push(line);
    wake();
  };
  const onAbort = (): void => wake();
  // The terminal is told to show nothing, so that Ctrl-C comes as a letter.
  const reader = createInterface({ input: io.stdin, output: nowhere, terminal: true, historySize: 0 })
    .on('line', tell)
    .on('SIGINT', () => tell(null))
    .on('close', () => tell(''));
  signal.addEventListener('abort', onAbort);
  return {
    async ask(question) {
      io.stderr.write(question);
      try {
        while (lines.length === 0) {
          signal.throwIfAborted();
          await new Promise<void>((resolve) => (wake = resolve));
        }
        return lines.shift() ?? null;
      } finally {
        io.stderr.write('\n');
      }
    },
    [Symbol.dispose]() {
      signal.removeEventListener('abort', onAbort);
      reader.close();
    },
  };
}
