import { describe, expect, it } from 'vitest';

import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import type { Power } from '../../../src/providers/ec2/power.ts';
import { power } from '../../../src/providers/ec2/power.ts';
import type { PowerAnswer } from '../../../src/providers/provider.ts';
import { cancel, providerOnEndpoint } from './provider-on-endpoint.ts';
import { scriptedApi } from './scripted-api.ts';

const NONE = 'i-0000000000000000a';

function kinds(answers: ReadonlyMap<string, PowerAnswer>): readonly string[] {
  return [...answers.values()].map(({ kind }) => kind);
}

describe('power on EC2', () => {
  it('goes on with the others when ids are missing', async () => {
    await using subject = await providerOnEndpoint();
    const { provider, endpoint } = subject;
    const ids = await subject.launch(3);
    const mixed = [ids[0] ?? '', NONE, ids[1] ?? '', 'no-such-id', ids[2] ?? ''];
    for (const verb of ['reboot', 'stop', 'start'] as const)
      expect(kinds(await provider[verb](mixed, cancel))).toEqual([
        'accepted',
        'cannot',
        'accepted',
        'cannot',
        'accepted',
      ]);
    const answers = await provider.terminate(mixed, cancel);
    expect(kinds(answers)).toEqual(mixed.map(() => 'accepted'));
    expect(endpoint.instances().every(({ state }) => state === 'terminated')).toBe(true);
  });

  it('says what a machine is when the time is wrong, or too late', async () => {
    await using subject = await providerOnEndpoint();
    const { provider, endpoint } = subject;
    const [id = ''] = await subject.launch(1);
    const answer = async (verb: Power): Promise<PowerAnswer | undefined> =>
      (await provider[verb]([id], cancel)).get(id);
    endpoint.setState(id, 'pending');
    expect(await answer('stop')).toEqual({ kind: 'not-yet', why: 'it is pending' });
    expect(await answer('start')).toEqual({ kind: 'accepted' });
    endpoint.setState(id, 'stopping');
    expect(await answer('start')).toEqual({ kind: 'not-yet', why: 'it is stopping' });
    expect(await answer('reboot')).toEqual({ kind: 'not-yet', why: 'it is stopping' });
    expect(await answer('stop')).toEqual({ kind: 'accepted' });
    endpoint.setState(id, 'stopped');
    expect(await answer('reboot')).toMatchObject({ kind: 'cannot', why: /^IncorrectInstanceState: / });
    for (const state of ['shutting-down', 'terminated'] as const) {
      endpoint.setState(id, state);
      for (const verb of ['start', 'stop', 'reboot'] as const)
        expect(await answer(verb)).toMatchObject({ kind: 'cannot', why: /IncorrectInstanceState: / });
      expect(await answer('terminate')).toEqual({ kind: 'accepted' });
    }
  });

  it('cannot stop what is on its host only, nor terminate what is protected', async () => {
    await using subject = await providerOnEndpoint();
    const { api, provider, endpoint } = subject;
    const [fine = ''] = await subject.launch(1);
    const image = { ImageId: endpoint.fixtures().instanceStore, InstanceType: 'm5d.large' };
    const one = { MinCount: 1, MaxCount: 1 };
    const [store] = await api.runInstances({ ...image, ...one }, cancel);
    const [locked] = await api.runInstances(
      { ...one, ImageId: subject.image, InstanceType: 't3.micro', DisableApiTermination: true },
      cancel,
    );
    const [storeId, lockedId] = [store?.id ?? '', locked?.id ?? ''];
    const stopped = await provider.stop([storeId, fine], cancel);
    expect(stopped.get(fine)).toEqual({ kind: 'accepted' });
    expect(stopped.get(storeId)).toEqual({
      kind: 'cannot',
      why: expect.stringContaining("does not have an 'ebs' root device type and cannot be stopped") as string,
    });
    const ended = await provider.terminate([lockedId, fine], cancel);
    expect(ended.get(fine)).toEqual({ kind: 'accepted' });
    expect(ended.get(lockedId)).toEqual({
      kind: 'cannot',
      why: expect.stringContaining('may not be terminated') as string,
    });
  });

  it('starts again when there is room', async () => {
    await using subject = await providerOnEndpoint();
    const { provider, endpoint } = subject;
    const [id = ''] = await subject.launch(1);
    await provider.stop([id], cancel);
    endpoint.refuse({ code: 'InsufficientInstanceCapacity' });
    expect((await provider.start([id], cancel)).get(id)).toMatchObject({ kind: 'not-yet' });
    endpoint.relent();
    endpoint.quota({ onDemand: 0 });
    expect((await provider.start([id], cancel)).get(id)).toMatchObject({ kind: 'cannot' });
    endpoint.quota({ onDemand: 100 });
    expect((await provider.start([id], cancel)).get(id)).toEqual({ kind: 'accepted' });
  });

  it('asks for at most 500 a call', async () => {
    const calls: number[] = [];
    const api = scriptedApi({
      terminateInstances(ids) {
        calls.push(ids.length);
        return Promise.resolve();
      },
    });
    const account = { number: () => Promise.resolve(null), mustOwn: () => Promise.resolve() };
    const ids = Array.from({ length: 1_200 }, (_, index) => `i-${index}`);
    const answers = await power({ api, account }, 'terminate', ids, cancel);
    expect(calls).toEqual([500, 500, 200]);
    expect(answers.size).toBe(1_200);
  });

  it('asks again where the state has changed since EC2 refused', async () => {
    const refused = new Ec2Error('StopInstances', 'IncorrectInstanceState', "'i-1' is not in a state");
    const account = { number: () => Promise.resolve(null), mustOwn: () => Promise.resolve() };
    await using subject = await providerOnEndpoint();
    const [id = ''] = await subject.launch(1);
    const api = scriptedApi({
      ...subject.api,
      stopInstances: () => Promise.reject(refused),
      startInstances: () => Promise.reject(refused),
    });
    expect((await power({ api, account }, 'stop', [id], cancel)).get(id)?.kind).toBe('not-yet');
    expect((await power({ api, account }, 'start', [id], cancel)).get(id)?.kind).toBe('accepted');
  });
});
