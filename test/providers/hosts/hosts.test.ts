import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { UsageError } from '../../../src/errors.ts';
import type { Json } from '../../../src/json.ts';
import type { SshAccess } from '../../../src/machine.ts';
import type { LaunchAnswer, Observation, Provider } from '../../../src/providers/provider.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import type { TestPool } from './pool.ts';
import { TAGS, batchOf, createTestPool, requestFor } from './pool.ts';

const cancel = { signal: AbortSignal.timeout(60_000) };
let pool: TestPool;

beforeEach(() => {
  pool = createTestPool();
});
afterEach(() => pool[Symbol.dispose]());

function idsOf(answer: LaunchAnswer): readonly string[] {
  if (answer.kind === 'refused') throw new Error(answer.message);
  return answer.ids.filter((id) => id !== null);
}

async function launch(
  provider: Provider,
  token: string,
  count: number,
  request = requestFor('web'),
): Promise<readonly string[]> {
  return idsOf(await provider.launch(batchOf(token, count, request), cancel));
}

async function observe(provider: Provider, ids: readonly string[]): Promise<readonly Observation[]> {
  return [...(await provider.describe(ids, cancel)).values()];
}

async function addresses(
  provider: Provider,
  ids: readonly string[],
): Promise<readonly (string | undefined)[]> {
  return (await observe(provider, ids)).map((each) => each.addresses?.address);
}

const six = {
  hosts: [
    '10.0.0.1',
    { address: '10.0.0.2', labels: { disk: 'ssd', role: 'db' } },
    { address: '10.0.0.3', labels: { disk: 'ssd' } },
    '10.0.0.4',
    { address: '10.0.0.5', labels: { role: 'db', disk: 'ssd' } },
    'ann@10.0.0.6:2222',
  ],
};

describe('launch()', () => {
  it('takes hosts in the order of the pool, each for one machine', async () => {
    const provider = pool.open(six);
    const web = await launch(provider, 'a', 2);
    const app = await launch(provider, 'b', 2, requestFor('app'));
    expect(await addresses(provider, [...web, ...app])).toEqual([
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.3',
      '10.0.0.4',
    ]);
    expect(new Set(web.map((id) => /^host-[0-9a-f]{24}-[0-9a-f]{8}$/.test(id)))).toEqual(new Set([true]));
  });

  it('takes those that have all labels', async () => {
    const provider = pool.open(six);
    const ids = await launch(provider, 'a', 2, requestFor('db', { role: 'db', disk: 'ssd' }));
    expect(await addresses(provider, ids)).toEqual(['10.0.0.2', '10.0.0.5']);
  });

  it('gives a host to one deployment of a state directory, whatever the provider is called', async () => {
    const ids = await launch(pool.open(six), 'a', 5);
    const other = pool.open(six, { name: 'other' });
    expect(await other.launch(batchOf('b', 2, requestFor('web')), cancel)).toEqual({
      kind: 'refused',
      message: 'Cannot take 2 hosts: the pool has 6 hosts, 1 is free',
      retryAfter: null,
    });
    expect(await other.list({}, cancel)).toEqual([]);
    expect(await other.holdings(cancel)).toEqual([]);
    expect(await addresses(other, await launch(other, 'c', 1))).toEqual(['10.0.0.6']);
    expect(new Set(ids).size).toBe(5);
  });

  it('gives as many as there are, and says why there are no more', async () => {
    const request = requestFor('db', { role: 'db' });
    const answer = await pool.open(six).launch(batchOf('a', 4, request, 1), cancel);
    expect(answer).toMatchObject({
      kind: 'launched',
      ids: [expect.any(String), expect.any(String), null, null],
      whyFewer: 'Cannot take 4 hosts with role=db: the pool has 2 of them, 2 are free',
    });
  });

  it('takes none where there are too few', async () => {
    const provider = pool.open(six);
    const answer = await provider.launch(batchOf('a', 3, requestFor('db', { role: 'db' })), cancel);
    expect(answer.kind).toBe('refused');
    expect(await provider.holdings(cancel)).toEqual([]);
  });

  it('gives another host to a machine that is replaced, and the same one where there is no other', async () => {
    const provider = pool.open({ hosts: ['10.0.0.1', '10.0.0.2'] });
    const taken: (string | undefined)[] = [];
    for (const token of ['a', 'b', 'c']) {
      const ids = await launch(provider, token, 1);
      taken.push(...(await addresses(provider, ids)));
      await provider.terminate(ids, cancel);
    }
    expect(taken).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.1']);
  });

  it('goes on where a command ended in the middle of it', async () => {
    const provider = pool.open(six);
    const first = await launch(provider, 'a', 1);
    const all = await launch(pool.open(six), 'a', 3);
    expect(all[0]).toBe(first[0]);
    expect(await addresses(provider, all)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(await launch(provider, 'a', 3)).toEqual(all);
    expect(idsOf(await provider.launch(batchOf('a', 2, requestFor('web')), cancel))).toEqual(all.slice(0, 2));
    expect(await provider.list({}, cancel)).toHaveLength(2);
  });

  it('leaves the hosts that other services of the plan cannot do without', async () => {
    const provider = pool.open(six);
    const db = requestFor('db', { role: 'db' });
    const previews = [
      { request: requestFor('web'), min: 4, max: 4 },
      { request: db, min: 2, max: 2 },
    ];
    expect(await provider.check(previews, cancel)).toEqual([]);
    const web = await launch(provider, 'a', 4);
    expect(await addresses(provider, web)).toEqual(['10.0.0.1', '10.0.0.3', '10.0.0.4', '10.0.0.6']);
    expect(await addresses(provider, await launch(provider, 'b', 2, db))).toEqual(['10.0.0.2', '10.0.0.5']);
  });
});

describe('a host', () => {
  const take = async (hosts: readonly Json[]): Promise<readonly (string | undefined)[]> => {
    const provider = pool.open({ hosts });
    const answer = await provider.launch(batchOf('a', 9, requestFor('web'), 1), cancel);
    const seen = await observe(provider, idsOf(answer));
    return seen.map(({ access }) =>
      access?.kind === 'ssh' ? `${access.user}@${access.host}:${access.port}` : access?.kind,
    );
  };

  it('is one, whoever logs in, as its first entry says', async () => {
    const hosts = ['ann@10.0.0.1', '10.0.0.1', { address: '10.0.0.1', user: 'ben', port: 22 }, '10.0.0.1:23'];
    expect(await take(hosts)).toEqual(['ann@10.0.0.1:22', 'ann@10.0.0.1:23']);
  });

  it('is one under all the names that ~/.ssh/config has for it, and another one behind another jump host', async () => {
    pool.write(
      '.ssh/config',
      [
        'Host web',
        '  HostName 10.0.0.1',
        '  Port 2222',
        'Host far',
        '  HostName 10.0.0.1',
        '  Port 2222',
        '  ProxyJump gate',
      ].join('\n'),
    );
    const hosts = ['web', '10.0.0.1:2222', 'ben@web', 'far'];
    expect(await take(hosts)).toEqual(['ann@10.0.0.1:2222', 'ann@10.0.0.1:2222']);
  });

  it('stays taken when another provider of the plan logs in there as somebody else', async () => {
    await launch(pool.open({ hosts: ['10.0.0.1'] }), 'a', 1);
    const other = pool.open({ hosts: ['ben@10.0.0.1'] }, { name: 'other' });
    expect(await other.launch(batchOf('b', 1, requestFor('web')), cancel)).toMatchObject({
      kind: 'refused',
      message: 'Cannot take 1 host: the pool has 1 host, none is free',
    });
  });
});

describe('check()', () => {
  const preview = (service: string, min: number, labels?: Readonly<Record<string, string>>) => ({
    request: requestFor(service, labels),
    min,
    max: min,
  });

  it('names the service that asks for more than there is', async () => {
    const problems = await pool
      .open(six)
      .check([preview('web', 7), preview('db', 2, { role: 'db' }), preview('x', 1, { a: 'b' })], cancel);
    expect(problems.map(({ service, message }) => [service, message])).toEqual([
      ['web', 'Cannot take 7 hosts: the pool has 6 hosts, 6 are free'],
      ['x', 'Cannot take 1 host with a=b: the pool has 0 of them, none is free'],
    ]);
  });

  it('finds what services cannot have together', async () => {
    const provider = pool.open(six);
    await launch(provider, 'a', 1);
    const problems = await provider.check(
      [preview('db', 2, { role: 'db' }), preview('fast', 2, { disk: 'ssd' }), preview('none', 0)],
      cancel,
    );
    expect(problems).toEqual([
      {
        service: null,
        message:
          'Cannot take 2 for "db" with role=db and 2 for "fast" with disk=ssd: the pool has 6 hosts, 5 are free',
        hint: 'Add hosts to the pool, or take machines of another deployment down.',
      },
    ]);
    expect(await provider.check([preview('a', 1, { disk: 'ssd' }), preview('b', 4)], cancel)).toEqual([]);
  });
});

describe('a claim', () => {
  it('is given back, and not by the id of an earlier one', async () => {
    const provider = pool.open({ hosts: ['10.0.0.1'] });
    const [first = ''] = await launch(provider, 'a', 1);
    await provider.terminate([first], cancel);
    const [second = ''] = await launch(provider, 'b', 1);
    expect(second).not.toBe(first);
    await provider.terminate([first], cancel);
    expect((await observe(provider, [first, second])).map(({ state }) => state)).toEqual([
      'unknown',
      'running',
    ]);
    expect(readdirSync(join(pool.stateDirectory, 'hosts'))).toEqual([`${second.slice(5, 29)}.json`]);
  });

  it('is a holding until it is removed', async () => {
    const provider = pool.open(six);
    const [id = ''] = await launch(provider, 'a', 1);
    const holdings = await provider.holdings(cancel);
    expect(holdings).toMatchObject([{ kind: 'machine', id, name: 'web-0', tags: TAGS, token: 'a' }]);
    expect(await provider.remove(holdings, cancel)).toEqual(new Map([[id, { kind: 'accepted' }]]));
    expect(await provider.holdings(cancel)).toEqual([]);
  });

  it('records other labels', async () => {
    const provider = pool.open(six);
    const [id = ''] = await launch(provider, 'a', 1);
    const change = { set: { tier: 'back' }, remove: ['tier'] };
    const answers = await provider.label(
      new Map([
        [id, change],
        ['none', change],
      ]),
      cancel,
    );
    expect([...answers.values()].map(({ kind }) => kind)).toEqual(['accepted', 'cannot']);
    expect((await observe(provider, [id]))[0]?.state).toBe('running');
  });

  it('says that it is a host which nobody stops', async () => {
    const provider = pool.open(six);
    const [id = ''] = await launch(provider, 'a', 1);
    for (const verb of ['stop', 'start', 'reboot'] as const)
      expect((await provider[verb]([id], cancel)).get(id)).toEqual({
        kind: 'cannot',
        why: 'it is a host that plan did not make',
      });
  });

  it('that is damaged is refused with its path', async () => {
    const provider = pool.open({ hosts: ['10.0.0.1'] });
    const [id = ''] = await launch(provider, 'a', 1);
    writeFileSync(join(pool.stateDirectory, 'hosts', `${id.slice(5, 29)}.json`), '{');
    await expect(provider.describe([id], cancel)).rejects.toThrow(ProviderError);
    await expect(provider.list({}, cancel)).rejects.toThrow(/Cannot read the claim ".*": it is not JSON/);
  });
});

describe('a machine', () => {
  it('has the addresses of its entry', async () => {
    const provider = pool.open({
      hosts: [{ address: '10.0.0.1', hostname: 'web.internal' }, 'web.example', '[fe80::1]:2222'],
    });
    const seen = await observe(provider, await launch(provider, 'a', 3));
    expect(seen.map((each) => each.addresses)).toEqual([
      { hostname: 'web.internal', address: '10.0.0.1', privateIp: '10.0.0.1', publicIp: null },
      { hostname: 'web.example', address: 'web.example', privateIp: null, publicIp: null },
      { hostname: 'fe80::1', address: 'fe80::1', privateIp: 'fe80::1', publicIp: null },
    ]);
  });

  it('follows a corrected entry, and is known without one', async () => {
    const [id = ''] = await launch(pool.open({ hosts: ['web.example'] }), 'a', 1);
    const corrected = pool.open({ hosts: [{ address: 'web.example', hostname: 'new' }] });
    expect((await observe(corrected, [id]))[0]?.addresses?.hostname).toBe('new');
    expect((await observe(pool.open({ hosts: [] }), [id]))[0]).toMatchObject({
      state: 'running',
      access: { host: 'web.example', port: 22 } satisfies Partial<SshAccess>,
    });
  });
});

describe('an inventory', () => {
  it('is what a program prints, run once', async () => {
    const program = pool.write(
      'inventory',
      '#!/bin/sh\necho run >> runs\necho "- 10.0.0.1"\necho "- { address: b, port: 23, labels: { n: 1 } }"\n',
      0o755,
    );
    const provider = pool.open({ inventory: program });
    expect(
      await provider.check([{ request: requestFor('web', { n: '1' }), min: 1, max: 1 }], cancel),
    ).toEqual([]);
    const ids = await launch(provider, 'a', 2);
    expect((await observe(provider, ids)).map(({ access }) => access)).toMatchObject([
      { host: '10.0.0.1', port: 22 },
      { host: 'b', port: 23 },
    ]);
    expect(readdirSync(pool.home).sort()).toEqual(['inventory', 'runs']);
  });

  it.each([
    ['echo "no such cloud" >&2; exit 3', 'it ended with exit code 3: no such cloud'],
    ['echo "a: ["', 'its output: '],
    ['echo "{}"', 'its output: it is not a list'],
    ['echo "[a, { address: a, port: x }]"', 'its output: item 2 is not a host: {"address":"a","port":"x"}'],
    ['echo "[[a]]"', 'its output: item 1 is not a host: ["a"]'],
    ['echo "[5]"', 'its output: item 1 is not a host: 5'],
    ['echo "[{ address: a, labels: [b] }]"', 'its output: item 1 is not a host'],
    ['echo "[{ address: a, labels: { b: [] } }]"', 'its output: item 1 is not a host'],
    ['echo "[{ address: a, lables: {} }]"', 'its output: item 1 is not a host'],
    ['echo "[\'a b\']"', 'its output: item 1 is not a host: "a b"'],
  ])('that does `%s` is refused', async (script, why) => {
    const inventory = pool.write('inventory', `#!/bin/sh\n${script}\n`, 0o755);
    const checked = pool.open({ inventory }).check([], cancel);
    await expect(checked).rejects.toMatchObject({ isFinal: true });
    await expect(checked).rejects.toThrow(`Cannot read inventory "${inventory}": ${why}`);
  });

  it('that cannot be run, or is interrupted, is refused', async () => {
    await expect(pool.open({ inventory: '/nowhere' }).check([], cancel)).rejects.toThrow(
      'Cannot read inventory "/nowhere"',
    );
    const inventory = pool.write('inventory', '#!/bin/sh\nexec sleep 60\n', 0o755);
    const interrupt = new AbortController();
    const checked = pool.open({ inventory }).check([], interrupt);
    interrupt.abort(new Error('interrupted'));
    await expect(checked).rejects.toThrow('interrupted');
  });

  it('that is missing altogether is a mistake of the configuration', () => {
    expect(() => pool.open({})).toThrow(
      new UsageError('Cannot use provider "rack": its hosts: it is not a list'),
    );
  });
});

it('a state directory that cannot be used is a problem of the provider', async () => {
  writeFileSync(pool.stateDirectory, '');
  const provider = pool.open(six);
  await expect(provider.launch(batchOf('a', 1, requestFor('web')), cancel)).rejects.toThrow(ProviderError);
});
