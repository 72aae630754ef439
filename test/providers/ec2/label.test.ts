import { expect, it, vi } from 'vitest';

import { label } from '../../../src/providers/ec2/label.ts';
import type { LabelChange } from '../../../src/providers/provider.ts';
import { cancel, providerOnEndpoint } from './provider-on-endpoint.ts';
import { scriptedApi } from './scripted-api.ts';

it('label() sets and removes tags, and leaves those of this tool alone', async () => {
  await using subject = await providerOnEndpoint();
  const { provider, endpoint } = subject;
  const [one = '', other = ''] = await subject.launch(2);
  // Names of machines are written in the background.
  await vi.waitUntil(() => endpoint.instances().every(({ tags }) => tags['Name']?.startsWith('web-')));
  const before = endpoint.instances().find(({ id }) => id === one)?.tags ?? {};
  const change = { set: { tier: 'back', Name: 'mine', 'plan:uuid': 'x' }, remove: ['plan:owner', 'Name'] };
  const answers = await provider.label(
    new Map<string, LabelChange>([
      [one, change],
      [other, { set: {}, remove: ['tier'] }],
      ['i-0000000000000000a', change],
      ['nonsense', { set: {}, remove: ['tier'] }],
    ]),
    cancel,
  );
  expect(answers.get(one)).toEqual({ kind: 'accepted' });
  expect(answers.get(other)).toEqual({ kind: 'accepted' });
  expect(answers.get('i-0000000000000000a')).toMatchObject({ kind: 'cannot' });
  expect(answers.get('nonsense')).toMatchObject({ kind: 'cannot' });
  const after = endpoint.instances();
  expect(after.find(({ id }) => id === one)?.tags).toEqual({ ...before, tier: 'back' });
  expect(after.find(({ id }) => id === other)?.tags).not.toHaveProperty('tier');
});

it('label() makes one call for machines with the same change, and none for no change', async () => {
  const calls: string[] = [];
  const api = scriptedApi({
    createTags(ids) {
      calls.push(`create ${ids.length}`);
      return Promise.resolve();
    },
    deleteTags(ids) {
      calls.push(`delete ${ids.length}`);
      return Promise.resolve();
    },
  });
  const changes = new Map<string, LabelChange>([['i-none', { set: {}, remove: [] }]]);
  for (let index = 0; index < 1_500; index += 1) {
    const set = index % 2 === 0 ? { a: '1', b: '2' } : { b: '2', a: '1' };
    changes.set(`i-${index}`, { set, remove: ['c'] });
  }
  await label(api, changes, cancel);
  expect(calls).toEqual(['create 1000', 'create 500', 'delete 1000', 'delete 500']);
});
