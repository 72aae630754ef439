import type { Cancel } from '../provider.ts';
import { Ec2Error } from './api.ts';

export interface Asked<Answer, Refusal> {
  /** One answer for each call that succeeded, with the ids that it was made for. */
  readonly answers: readonly { readonly ids: readonly string[]; readonly answer: Answer }[];
  readonly refused: ReadonlyMap<string, Refusal>;
}

/**
 * Asks about many ids, `limit` a call. EC2 refuses a whole call for one bad id and names some of the bad ones: they get
 * what `judge` makes of the error, and the call is repeated without them; where it names none, the call is halved until
 * it does not need to. An error that `judge` answers undefined for has nothing to do with ids, and is thrown on.
 */
export async function askForEach<Answer, Refusal>(
  ids: readonly string[],
  limit: number,
  ask: (ids: readonly string[], cancel: Cancel) => Promise<Answer>,
  judge: (error: Ec2Error) => Refusal | undefined,
  cancel: Cancel,
): Promise<Asked<Answer, Refusal>> {
  cancel.signal.throwIfAborted();
  const answers: { ids: readonly string[]; answer: Answer }[] = [];
  const refused = new Map<string, Refusal>();
  const calls = chunksOf([...new Set(ids)], limit);
  for (let call = calls.shift(); call !== undefined; call = calls.shift()) {
    try {
      answers.push({ ids: call, answer: await ask(call, cancel) });
    } catch (error) {
      const refusal = error instanceof Ec2Error ? judge(error) : undefined;
      if (!(error instanceof Ec2Error) || refusal === undefined) throw error;
      const bad = call.length === 1 ? call : namedIn(error.message, call);
      for (const id of bad) refused.set(id, refusal);
      const rest = call.filter((id) => !bad.includes(id));
      calls.unshift(...chunksOf(rest, bad.length > 0 ? limit : Math.ceil(rest.length / 2)));
    }
  }
  return { answers, refused };
}

/** In parts of at most `size`. */
export function chunksOf<T>(items: readonly T[], size: number): (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function namedIn(message: string, ids: readonly string[]): readonly string[] {
  const words = new Set(message.split(/[^\w-]+/));
  return ids.filter((id) => words.has(id));
}
