import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { tryListen } from '../../../src/providers/local/address.ts';
import { startHost } from '../../../src/providers/local/host.ts';
import { tags } from '../../support/launch-request.ts';
import { batchOf, cancel, createLocalMachines } from '../../support/local-machines.ts';
import type { LocalMachines } from '../../support/local-machines.ts';
import { isGone } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import { sshAccess } from '../../support/ssh-access.ts';

let machines: LocalMachines;
beforeEach(async () => {
  machines = await createLocalMachines({ inProcess: true });
});
afterEach(() => machines[Symbol.asyncDispose]());

describe('check()', () => {
  it('finds what is wrong with images and options before anything is launched', async () => {
    const { request } = batchOf(1);
    const problems = await machines.provider.check(
      [
        request,
        { ...request, service: 'api', image: 'images/api' },
        { ...request, service: 'db', options: { bootDelay: 'soon' } },
      ].map((one) => ({ request: one, min: 1, max: 1 })),
      cancel,
    );
    expect(problems.map(({ service, message }) => `${service ?? ''}: ${message}`)).toEqual([
      'api: Cannot start machines from image "/images/api": it is not a directory',
      'db: Cannot use bootDelay "soon": it is not a duration',
    ]);
  });
});

describe('launch()', () => {
  it('refuses an unknown image, for good', async () => {
    const answer = await machines.provider.launch(batchOf(1, { image: '/no such image' }), cancel);
    expect(answer).toEqual({
      kind: 'refused',
      message: 'Cannot start machines from image "/no such image": it is not a directory',
      retryAfter: null,
    });
    expect(await machines.provider.list({}, cancel)).toEqual([]);
  });

  it('ends a machine whose home cannot be made, and says why', async () => {
    const { stateDirectory, provider } = machines;
    const batch = batchOf(1);
    const image = join(stateDirectory, 'image.txt');
    writeFileSync(image, '');
    const answer = await provider.launch(
      { ...batch, request: { ...batch.request, image: stateDirectory } },
      cancel,
    );
    const [id] = answer.kind === 'launched' ? answer.ids : [];
    // A directory cannot be copied into itself.
    const { reason } = await machines.until(id ?? '', 'terminated');
    expect(reason).toContain('Cannot make its home: ');
  });
});

describe('a host that gives up', () => {
  it('leaves everything to the next one: what waits, what runs, what is stopped', async () => {
    await using state = await createLocalMachines({ inProcess: false });
    const first = await startHost(state.stateDirectory);
    const before = await state.one();
    const [stopped = ''] = await state.launch(1);
    const [slow = ''] = await state.launch(1, { options: { bootDelay: '400ms' } });
    await state.provider.stop([stopped], cancel);
    await state.until(stopped, 'stopped');
    await using old = await state.connect(before.id);
    const pid = Number(await old.text('setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $!'));
    await state.provider.reboot([before.id], cancel);
    first?.stop();
    await first?.ended;
    const second = await startHost(state.stateDirectory);
    expect((await state.until(before.id, 'running')).access).toEqual(before.access);
    expect(isGone(pid)).toBe(true);
    expect(await state.until(stopped, 'stopped')).toBeDefined();
    await state.until(slow, 'running');
    await state.provider.terminate([before.id, stopped, slow], cancel);
    await state.provider.release(tags, cancel);
    await second?.ended;
  });

  it('says where a machine cannot listen while another has its address', async () => {
    const { id, access } = await machines.one();
    await machines.provider.stop([id], cancel);
    await machines.until(id, 'stopped');
    const taken = await tryListen(createServer(), sshAccess(access).host, sshAccess(access).port);
    if (typeof taken === 'string') throw new Error(taken);
    await machines.provider.start([id], cancel);
    await until(async () => (await machines.look(id)).reason !== null);
    expect(await machines.look(id)).toMatchObject({
      state: 'pending',
      reason: `Cannot listen at ${sshAccess(access).host}:${sshAccess(access).port}: EADDRINUSE`,
    });
    taken.close();
    expect((await machines.until(id, 'running')).reason).toBeNull();
  });
});

describe('release()', () => {
  it('waits for machines that are being terminated', async () => {
    const ids = await machines.launch(5);
    await machines.provider.terminate(ids, cancel);
    await machines.provider.release(tags, cancel);
    expect(existsSync(join(machines.stateDirectory, 'machines'))).toBe(false);
  });

  it('does not remove what someone else put beside the machines', async () => {
    const { id } = await machines.one();
    const mine = join(machines.stateDirectory, 'machines', 'mine');
    writeFileSync(mine, '');
    await machines.provider.terminate([id], cancel);
    await machines.provider.release(tags, cancel);
    expect(existsSync(mine)).toBe(true);
  });
});

describe('pollInterval', () => {
  it('grows with the number of machines that were asked for', async () => {
    const { provider } = machines;
    const ids = Array.from({ length: 1_000 }, (_, index) => `local-${index}`);
    await provider.describe(ids.slice(0, 3), cancel);
    expect(provider.pollInterval).toBe(50);
    await provider.describe(ids, cancel);
    expect(provider.pollInterval).toBe(250);
  });
});

describe('close()', () => {
  it('leaves machines alone, and the provider usable no more', async () => {
    const { id } = await machines.one();
    await using client = await machines.connect(id);
    await machines.provider.close();
    expect(await client.text('echo still here')).toBe('still here');
    await expect(machines.provider.describe([id], cancel)).rejects.toThrow('it was closed');
  });
});
