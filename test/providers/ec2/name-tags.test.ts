import { describe, expect, it } from 'vitest';
import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import { createNameTags } from '../../../src/providers/ec2/name-tags.ts';
import type { Cancel } from '../../../src/providers/provider.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

/** Tags that are written when they are let. */
function trial() {
  const written: string[] = [];
  const waiting: { go(): void; fail(): void }[] = [];
  const api = {
    createTags: (ids: readonly string[], tags: Readonly<Record<string, string>>, { signal }: Cancel) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        waiting.push({
          go() {
            written.push(`${ids.join()} ${JSON.stringify(tags)}`);
            resolve();
          },
          fail: () => reject(new Error('no')),
        });
      }),
  };
  return { nameTags: createNameTags(api), written, waiting };
}

/** Lets everything happen that waits for nothing. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('name tags', () => {
  it('are written one after another', async () => {
    const { nameTags, written, waiting } = trial();
    nameTags.write(new Map([['i-1', 'web-0']]));
    nameTags.write(new Map([['i-2', 'web-1']]));
    expect(waiting).toHaveLength(1);
    waiting[0]?.go();
    await settle();
    waiting[1]?.go();
    await nameTags.settled();
    expect(written).toEqual(['i-1 {"Name":"web-0"}', 'i-2 {"Name":"web-1"}']);
    expect(nameTags.failed).toBe(0);
    nameTags.write(new Map([['i-3', 'web-2']]));
    expect(waiting).toHaveLength(3);
    await nameTags.close();
  });

  it('that fail are counted, and the others written', async () => {
    const { nameTags, written, waiting } = trial();
    nameTags.write(
      new Map([
        ['i-1', 'web-0'],
        ['i-2', 'web-1'],
      ]),
    );
    waiting[0]?.fail();
    await settle();
    waiting[1]?.go();
    await nameTags.settled();
    expect([written, nameTags.failed]).toEqual([['i-2 {"Name":"web-1"}'], 1]);
  });

  it('of machines that are not known yet are written a little later, or not at all', async () => {
    const clock = createVirtualClock();
    const unknown = new Ec2Error('CreateTags', 'InvalidInstanceID.NotFound', 'no such id');
    const tries: string[] = [];
    const api = {
      createTags: ([id = '']: readonly string[]) => {
        tries.push(id);
        return id === 'i-1' && tries.length === 3 ? Promise.resolve() : Promise.reject(unknown);
      },
    };
    const nameTags = createNameTags(api, clock);
    nameTags.write(
      new Map([
        ['i-1', 'web-0'],
        ['i-2', 'web-1'],
      ]),
    );
    await nameTags.settled();
    expect(tries).toEqual(['i-1', 'i-1', 'i-1', ...Array<string>(5).fill('i-2')]);
    expect(nameTags.failed).toBe(1);
  });

  it('of nothing are nothing', async () => {
    const { nameTags, waiting } = trial();
    nameTags.write(new Map());
    nameTags.write(new Map([['i-1', 'web-0']]));
    expect(waiting).toHaveLength(1);
    await nameTags.close();
  });

  it('that wait at the end are dropped', async () => {
    const { nameTags, written, waiting } = trial();
    nameTags.write(
      new Map([
        ['i-1', 'web-0'],
        ['i-2', 'web-1'],
      ]),
    );
    await nameTags.close();
    nameTags.write(new Map([['i-3', 'web-2']]));
    expect([written, waiting.length]).toEqual([[], 1]);
  });
});
