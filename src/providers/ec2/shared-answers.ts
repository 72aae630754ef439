import type { Cancel } from '../provider.ts';

/**
 * Asks once for each key: who asks meanwhile or later gets the same answer. What is not `kept`, and errors, are not
 * remembered; whoever waited for a question that failed asks again, since it may have been cancelled by its asker.
 */
export function sharedAnswers<Key, Answer>(
  keyOf: (key: Key) => string,
  ask: (key: Key, cancel: Cancel) => Promise<Answer>,
  isKept: (answer: Answer) => boolean,
): (key: Key, cancel: Cancel) => Promise<Answer> {
  const answers = new Map<string, Promise<Answer | null>>();

  return async (key, cancel) => {
    const name = keyOf(key);
    for (let shared = answers.get(name); shared !== undefined; shared = answers.get(name)) {
      const answer = await shared;
      if (answer !== null) return answer;
      if (answers.get(name) === shared) answers.delete(name);
    }
    cancel.signal.throwIfAborted();
    const asking = ask(key, cancel);
    const kept = asking.then(
      (answer) => (isKept(answer) ? answer : null),
      () => null,
    );
    answers.set(name, kept);
    return asking;
  };
}
