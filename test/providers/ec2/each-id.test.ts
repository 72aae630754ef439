import fc from 'fast-check';
import { expect, it } from 'vitest';

import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import { askForEach, chunksOf } from '../../../src/providers/ec2/each-id.ts';
import { cancel } from './provider-on-endpoint.ts';

const judge = ({ code }: Ec2Error): string | undefined => (code === 'Bad' ? 'refused' : undefined);

function idsOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `i-${index.toString(16).padStart(8, '0')}`);
}

it('askForEach() asks for at most so many ids a call, each once', async () => {
  const calls: number[] = [];
  const ask = (ids: readonly string[]): Promise<void> => {
    calls.push(ids.length);
    return Promise.resolve();
  };
  await askForEach([...idsOf(25), ...idsOf(25)], 10, ask, judge, cancel);
  expect(calls).toEqual([10, 10, 5]);
});

it('askForEach() takes out the ids that an error names and asks again for the rest', async () => {
  const calls: (readonly string[])[] = [];
  const ask = (ids: readonly string[]): Promise<string> => {
    calls.push(ids);
    if (ids.includes('i-2')) return Promise.reject(new Ec2Error('Stop', 'Bad', "The instance 'i-2' is bad"));
    return Promise.resolve('done');
  };
  const asked = await askForEach(['i-1', 'i-2', 'i-21'], 10, ask, judge, cancel);
  expect(asked.refused).toEqual(new Map([['i-2', 'refused']]));
  expect(asked.answers).toEqual([{ ids: ['i-1', 'i-21'], answer: 'done' }]);
  expect(calls).toHaveLength(2);
});

it('askForEach() finds all bad ids, named or not, and no others', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 1, max: 15 }),
      fc.func(fc.boolean()),
      fc.boolean(),
      async (count, limit, isBad, isNamed) => {
        const ids = idsOf(count);
        const ask = (call: readonly string[]): Promise<void> => {
          expect(call.length).toBeLessThanOrEqual(limit);
          const bad = call.find((id) => isBad(id));
          if (bad === undefined) return Promise.resolve();
          return Promise.reject(new Ec2Error('Stop', 'Bad', isNamed ? `'${bad}' is bad` : 'one is bad'));
        };
        const { answers, refused } = await askForEach(ids, limit, ask, judge, cancel);
        expect([...refused.keys()].toSorted()).toEqual(ids.filter((id) => isBad(id)));
        expect(answers.flatMap((answer) => answer.ids).toSorted()).toEqual(ids.filter((id) => !isBad(id)));
      },
    ),
  );
});

it('askForEach() throws what has nothing to do with ids', async () => {
  const error = new Ec2Error('Stop', 'AuthFailure', 'no');
  await expect(askForEach(['i-1'], 10, () => Promise.reject(error), judge, cancel)).rejects.toBe(error);
  const other = new Error('no network');
  await expect(askForEach(['i-1'], 10, () => Promise.reject(other), judge, cancel)).rejects.toBe(other);
});

it('chunksOf() keeps the order and loses nothing', () => {
  expect(chunksOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(chunksOf([], 2)).toEqual([]);
});
