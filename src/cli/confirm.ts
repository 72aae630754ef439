import { createInterface } from 'node:readline/promises';
import { UsageError } from '../errors.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';

/**
 * Lists what would go and asks. Rejects with `UsageError` when the answer is not yes, and, without `--yes`, where
 * nobody can be asked.
 */
export async function confirm(
  context: Context,
  what: { readonly victims: string; readonly question: string },
  cancel: { readonly signal: AbortSignal },
): Promise<void> {
  const { io, flags } = context;
  if (flags.yes) return;
  tell(context, what.victims);
  if (flags.noInput || io.stdin.isTTY !== true || io.stderr.isTTY !== true)
    throw new UsageError(
      'Cannot ask for confirmation: there is no terminal',
      'Add --yes to go on without being asked.',
    );
  const answer = await ask(context, `${what.question} [y/N] `, cancel);
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new UsageError('Nothing was touched: it was not confirmed');
}

/** One line of the terminal; empty when it is closed. */
async function ask(
  { io }: Context,
  question: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<string> {
  const prompt = createInterface({ input: io.stdin, output: io.stderr, terminal: false });
  const closed = new Promise<string>((resolve) => prompt.once('close', () => resolve('')));
  try {
    return await Promise.race([prompt.question(question, { signal }), closed]);
  } finally {
    prompt.close();
  }
}
