import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { batchOf, cancel, createLocalMachines, tags } from '../../support/local-machines.ts';
import type { LocalMachines } from '../../support/local-machines.ts';

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
      ],
      cancel,
    );
    expect(problems.map(({ service, message }) => `${service ?? ''}: ${message}`)).toEqual([
      'api: Cannot start machines from image "images/api": it is not a directory',
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
