import { describe, expect, it } from 'vitest';
import { sharedAnswers } from '../../../src/providers/ec2/shared-answers.ts';
import type { Cancel } from '../../../src/providers/provider.ts';

const NEVER: Cancel = { signal: new AbortController().signal };

/** Questions that are answered, or not, when the test says so. */
function trial() {
  const asked: { key: string; answer(text: string): void; fail(): void }[] = [];
  const ask = sharedAnswers<string, string>(
    (key) => key,
    (key, { signal }) =>
      new Promise((answer, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        asked.push({ key, answer, fail: () => reject(new Error('no')) });
      }),
    (answer) => answer !== 'none',
  );
  return { asked, ask };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('sharedAnswers()', () => {
  it('asks once for each key', async () => {
    const { asked, ask } = trial();
    const all = Promise.all([ask('a', NEVER), ask('a', NEVER), ask('b', NEVER)]);
    await settle();
    expect(asked.map(({ key }) => key)).toEqual(['a', 'b']);
    asked[0]?.answer('A');
    asked[1]?.answer('B');
    expect(await all).toEqual(['A', 'A', 'B']);
    expect(await ask('a', NEVER)).toBe('A');
    expect(asked).toHaveLength(2);
  });

  it('asks again for what failed or is not kept', async () => {
    const { asked, ask } = trial();
    const failing = ask('a', NEVER);
    await settle();
    asked[0]?.fail();
    await expect(failing).rejects.toThrow('no');
    const none = ask('a', NEVER);
    await settle();
    asked[1]?.answer('none');
    expect(await none).toBe('none');
    const found = ask('a', NEVER);
    await settle();
    asked[2]?.answer('A');
    expect(await found).toBe('A');
  });

  it('asks for who waits when who asked is cancelled', async () => {
    const { asked, ask } = trial();
    const abort = new AbortController();
    const first = ask('a', { signal: abort.signal });
    await settle();
    const second = ask('a', NEVER);
    abort.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    await settle();
    asked[1]?.answer('A');
    expect(await second).toBe('A');
    await expect(ask('b', { signal: abort.signal })).rejects.toThrow('enough');
  });
});
