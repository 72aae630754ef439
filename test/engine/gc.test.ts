import { describe, expect, it } from 'vitest';
import type { Survey } from '../../src/engine/gc.ts';
import { findOrphans } from '../../src/engine/gc.ts';
import type { Wiring } from '../../src/engine/operation.ts';
import type { Orphan, Target } from '../../src/engine/orphans.ts';
import { stateId } from '../../src/engine/tags.ts';
import { StateError, UsageError } from '../../src/errors.ts';
import type { Holding, Provider, Tags } from '../../src/providers/provider.ts';
import { ProviderError } from '../../src/providers/provider.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness } from '../support/harness.ts';

const PAIR = `
version: 1
name: pair
levels: [{ name: app, services: { web: { count: 2 } } }]
`;

const cancel = { signal: new AbortController().signal };
const TARGET: Target = { config: { name: 'west', type: 'fake', options: {} }, place: null, uses: [] };

function survey(
  { wiring, cloud }: Harness,
  { targets = [TARGET], ...more }: Partial<Wiring> & { readonly targets?: readonly Target[] } = {},
): Promise<Survey> {
  return findOrphans({ ...wiring, provider: () => Promise.resolve(cloud), ...more }, targets, cancel);
}

function namesOf(orphans: Iterable<Orphan>): readonly string[] {
  return [...orphans].map(
    ({ holding, isOurs }) => `${holding.name ?? holding.id}${isOurs ? '' : ' of another'}`,
  );
}

/** Two machines in the cloud that only it knows of. */
async function launchUnrecorded({ cloud, store }: Harness, tags: Partial<Tags> = {}): Promise<void> {
  const request = {
    service: 'lost',
    image: null,
    directory: '/',
    options: {},
    labels: {},
    tags: { deployment: 'lost', uuid: 'u-lost', owner: 'tester@here', state: stateId(store), ...tags },
    handsHostKey: false,
    resolved: null,
  };
  const machines = [0, 1].map((i) => ({ name: `lost-${i}`, generation: 1 }));
  const token = `t-${Object.values(tags).join()}`;
  await cloud.launch({ token, machines, min: 1, request }, cancel);
}

/** Something beside machines. */
function group(id: string, tags: Partial<Tags>): Holding {
  return { kind: 'security group', id, name: null, tags, token: null, since: null };
}

function holding(cloud: Provider, things: readonly Holding[], removed: string[] = []): Provider {
  return {
    ...cloud,
    holdings: async (options) => [...things, ...(await cloud.holdings(options))],
    remove(holdings) {
      removed.push(...holdings.map(({ id }) => id));
      return Promise.resolve(new Map(holdings.map(({ id }) => [id, { kind: 'accepted' }])));
    },
  };
}

describe('findOrphans()', () => {
  it('finds nothing while a deployment accounts for all, and all of it when its record is gone', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PAIR);
    await harness.up(plan);
    await using before = await survey(harness);
    expect(before.orphans).toEqual([]);
    expect(harness.cloud.calls.holdings).toBe(1);
    await using other = await createHarness();
    await using found = await survey(harness, { store: other.store });
    expect(namesOf(found.orphans)).toEqual(['web-0 of another', 'web-1 of another']);
    await harness.down(plan);
    await using after = await survey(harness, { store: other.store });
    expect(after.orphans).toEqual([]);
  });

  it('finds what this state directory launched and never recorded, by owner and age', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(PAIR));
    await launchUnrecorded(harness, { owner: 'zoe@there', state: 'elsewhere' });
    await harness.clock.sleep(60_000, cancel);
    await launchUnrecorded(harness);
    await launchUnrecorded(harness, { owner: 'ann@here' });
    await using found = await survey(harness);
    expect(found.orphans.map(({ holding: { id, tags } }) => `${id} ${tags.owner ?? ''}`)).toEqual([
      'i-7 ann@here',
      'i-8 ann@here',
      'i-5 tester@here',
      'i-6 tester@here',
      'i-3 zoe@there',
      'i-4 zoe@there',
    ]);
    expect(found.orphans.map(({ isOurs }) => isOurs)).toEqual([true, true, true, true, false, false]);
    const left = await found.remove(found.orphans.slice(0, 4), cancel);
    expect(left.size).toBe(0);
    expect(harness.cloud.alive()).toEqual(['web-0', 'web-1', 'lost-0', 'lost-1']);
  });

  it('counts nothing as made here when the key that tells is gone', async () => {
    await using harness = await createHarness();
    await launchUnrecorded(harness);
    const fingerprint = (): string => {
      throw new StateError('the key is missing');
    };
    await using found = await survey(harness, { store: { ...harness.store, fingerprint } });
    expect(namesOf(found.orphans)).toEqual(['lost-0 of another', 'lost-1 of another']);
  });

  it('accounts for what an up that is under way launches while providers are asked', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PAIR);
    const { cloud } = harness;
    let listed: () => void = () => undefined;
    const isListed = new Promise<void>((resolve) => (listed = resolve));
    // The call had its effect, and its answer is not recorded before the providers were listed.
    const launch: Provider['launch'] = async (batch, options) => {
      const answer = await cloud.launch(batch, options);
      await isListed;
      return answer;
    };
    const wiring: Wiring = { ...harness.wiring, provider: () => Promise.resolve({ ...cloud, launch }) };
    const { up } = await import('../../src/engine/up.ts');
    const operation = up(wiring, { plan, adopt: false, readPlan: () => Promise.resolve(null) }, cancel);
    while (cloud.alive().length === 0) await harness.clock.sleep(10, cancel);
    await using open = await survey(harness);
    expect([...open.orphans, ...open.problems]).toEqual([]);
    // And once more, where the answer is recorded between the listing and the ledger.
    const ledger = async () => {
      listed();
      await operation;
      return harness.store.ledger();
    };
    await using answered = await survey(harness, { store: { ...harness.store, ledger } });
    expect([...answered.orphans, ...answered.problems]).toEqual([]);
    expect(cloud.alive()).toEqual(['web-0', 'web-1']);
  });

  it('accounts for what an up brings up between the begin of the search and the answer of the provider', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PAIR);
    const holdings = async (): Promise<readonly Holding[]> => {
      await harness.up(plan);
      return harness.cloud.holdings(cancel);
    };
    await using found = await survey(harness, {
      provider: () => Promise.resolve({ ...harness.cloud, holdings }),
    });
    expect(harness.cloud.alive()).toEqual(['web-0', 'web-1']);
    expect([...found.orphans, ...found.problems]).toEqual([]);
  });

  it('accounts for what a down ends while providers are asked', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PAIR);
    await harness.up(plan);
    const ledger = async () => {
      await harness.down(plan);
      return harness.store.ledger();
    };
    await using found = await survey(harness, { store: { ...harness.store, ledger } });
    expect([...found.orphans, ...found.problems]).toEqual([]);
    expect(harness.cloud.calls.holdings).toBe(2);
  });

  it('removes nothing that a deployment accounts for by then', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(PAIR));
    let isRecorded = false;
    const ledger = async () => (isRecorded ? harness.store.ledger() : []);
    await using found = await survey(harness, { store: { ...harness.store, ledger } });
    expect(namesOf(found.orphans)).toEqual(['web-0', 'web-1']);
    isRecorded = true;
    const left = await found.remove(found.orphans, cancel);
    expect(new Set(left.values())).toEqual(new Set(['a deployment accounts for it now']));
    expect(harness.cloud.alive()).toEqual(['web-0', 'web-1']);
  });

  it('says what could not be removed, and goes on', async () => {
    await using harness = await createHarness();
    await launchUnrecorded(harness);
    harness.cloud.undying.add('lost-0');
    await using found = await survey(harness);
    const left = await found.remove(found.orphans, cancel);
    expect([...left].map(([{ holding: one }, why]) => `${one.id}: ${why}`)).toEqual([
      'i-1: termination protection is on',
    ]);
    harness.cloud.break('remove');
    const again = await found.remove(found.orphans.slice(0, 1), cancel);
    expect([...again.values()]).toEqual(['the fake cloud does not answer "remove"']);
  });

  it('names the providers that cannot be opened or asked, and asks the others', async () => {
    await using harness = await createHarness();
    await launchUnrecorded(harness);
    const named = (name: string): Target => ({ ...TARGET, config: { name, type: name, options: {} } });
    const targets = ['unknown', 'mute', 'slow', 'west'].map(named);
    const provider: Wiring['provider'] = ({ name }) => {
      const holdings: Provider['holdings'] = ({ signal }) =>
        name === 'mute'
          ? Promise.reject(new ProviderError('no answer'))
          : new Promise((_, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
            });
      if (name === 'unknown') return Promise.reject(new UsageError('no such type'));
      return Promise.resolve(name === 'west' ? harness.cloud : { ...harness.cloud, holdings });
    };
    await using found = await survey(harness, { targets, provider });
    expect(namesOf(found.orphans)).toEqual(['lost-0', 'lost-1']);
    expect(found.problems.map(({ target, message }) => `${target.config.name}: ${message}`)).toEqual([
      'unknown: no such type',
      'mute: no answer',
      'slow: it did not answer within 2m',
    ]);
  });

  it('closes what it opened when it breaks off', async () => {
    await using harness = await createHarness();
    let closed = 0;
    const close = (): Promise<void> => Promise.resolve(void (closed += 1));
    const holdings = (): Promise<never> => Promise.reject(new Error('a bug'));
    const provider = () => Promise.resolve({ ...harness.cloud, close, holdings });
    await expect(survey(harness, { provider })).rejects.toThrow('a bug');
    expect(closed).toBe(1);
    const stopped = new AbortController();
    stopped.abort(new Error('stopped'));
    const wiring = { ...harness.wiring, provider: () => Promise.resolve(harness.cloud) };
    await expect(findOrphans(wiring, [TARGET], stopped)).rejects.toThrow('stopped');
  });
});

describe('findOrphans() of what was made beside machines', () => {
  /** A deployment that has its provider prepared under the name `local`. */
  async function deployed(harness: Harness): Promise<string> {
    const { state } = await harness.up(await harness.plan(PAIR));
    return state.uuid;
  }

  it('accounts for it by a recorded deployment that has the provider prepared', async () => {
    await using harness = await createHarness();
    const uuid = await deployed(harness);
    const west: Target = { ...TARGET, uses: [{ uuid, provider: 'local' }] };
    const east: Target = {
      config: { name: 'east', type: 'fake', options: { region: 'east' } },
      place: null,
      uses: [{ uuid, provider: 'elsewhere' }],
    };
    const things = {
      west: [group('sg-1', { uuid }), group('sg-2', { uuid: 'unknown' }), group('sg-3', {})],
      east: [group('sg-4', { uuid })],
    };
    const removed: string[] = [];
    const provider: Wiring['provider'] = ({ name }) =>
      Promise.resolve(holding(harness.cloud, things[name === 'west' ? 'west' : 'east'], removed));
    await using found = await survey(harness, { targets: [west, east], provider });
    expect(found.orphans.map(({ holding: { id }, target }) => `${id} ${target.config.name}`)).toEqual([
      'sg-2 west',
      'sg-3 west',
      'sg-4 east',
    ]);
    await launchUnrecorded(harness);
    await using more = await survey(harness, { targets: [west], provider });
    await more.remove(more.orphans, cancel);
    expect(removed).toEqual(['i-3', 'i-4', 'sg-2', 'sg-3']);
  });

  it('accounts for it when nobody can tell where the deployment has its provider', async () => {
    await using harness = await createHarness();
    const uuid = await deployed(harness);
    const provider = () => Promise.resolve(holding(harness.cloud, [group('sg-1', { uuid })]));
    await using unknown = await survey(harness, { provider });
    expect(unknown.orphans).toEqual([]);
    const known: Target = {
      config: { name: 'mute', type: 'fake', options: { profile: 'expired' } },
      place: null,
      uses: [{ uuid, provider: 'local' }],
    };
    const first: Wiring['provider'] = ({ name }) =>
      name === 'mute' ? Promise.reject(new ProviderError('expired')) : provider();
    await using unasked = await survey(harness, { targets: [TARGET, known], provider: first });
    expect(unasked.orphans).toEqual([]);
    expect(unasked.problems.map(({ message }) => message)).toEqual(['expired']);
  });

  it('shows once what two configurations lead to, and accounts for it by either', async () => {
    await using harness = await createHarness();
    const uuid = await deployed(harness);
    const again: Target = {
      config: { name: 'again', type: 'fake', options: { profile: 'other' } },
      place: null,
      uses: [{ uuid, provider: 'local' }],
    };
    const things = [group('sg-1', { uuid }), group('sg-2', { uuid: 'unknown' })];
    const provider = () => Promise.resolve(holding(harness.cloud, things));
    await using found = await survey(harness, { targets: [TARGET, again], provider });
    expect(found.orphans.map(({ holding: { id } }) => id)).toEqual(['sg-2']);
  });
});
