import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import type { Fact } from '../../src/fact.ts';
import type { SourceEntry } from '../../src/sources.ts';
import { openDatabase } from '../../src/state/database.ts';
import type { ExportEntry, ExportHead } from '../../src/state/export-entry.ts';
import { startSeal } from '../../src/state/export-seal.ts';
import type { ExportRequest } from '../../src/state/export.ts';
import { exportDeployment } from '../../src/state/export.ts';
import { writeExportFile } from '../../src/state/export-file.ts';
import { openSealed } from '../../src/state/import-unseal.ts';
import { importDeployment } from '../../src/state/import.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import { foldFacts } from '../../src/state/apply-fact.ts';
import { emptyState } from '../../src/state/deployment-state.ts';
import { created, histories, TOKEN } from './histories.ts';
import { filesBelow, lock, record, temporaryDirectory } from './stores.ts';

/** Cheap: these passphrases are no secrets. */
const COST = 2 ** 10;
const PASSPHRASE = 'a pässphrase of some words';
const cancel = { signal: new AbortController().signal };

async function sealLines(file: string, lines: readonly string[], passphrase = PASSPHRASE): Promise<void> {
  await writeExportFile(file, { force: true, isThere: Error }, async (opened) => {
    const seal = await startSeal(opened, passphrase, COST);
    for (const line of lines) seal.line(line);
    seal.end();
  });
}

async function linesIn(file: string, passphrase = PASSPHRASE): Promise<readonly string[]> {
  using sealed = await openSealed(file, passphrase);
  return [...sealed.lines()];
}

function request(directory: string, file: string, more: Partial<ExportRequest> = {}): ExportRequest {
  return {
    directory,
    name: created.name,
    file,
    passphrase: PASSPHRASE,
    cost: COST,
    force: false,
    move: false,
    logs: false,
    owner: 'ann@host',
    lockTimeout: 0,
    files: () => Promise.resolve([]),
    ...more,
  };
}

async function recordAll(directory: string, facts: readonly Fact[]): Promise<void> {
  await using store = await openSqliteStore(directory);
  await using held = await lock(store, created.name);
  const state = emptyState(created);
  for (const fact of facts) await record(store, state, [fact]);
}

describe('a sealed file', () => {
  const directory = groupDirectory();
  let file = '';
  const long = 'x'.repeat(300_000);
  const random = Array.from({ length: 20_000 }, (_, i) =>
    createHash('md5').update(String(i)).digest('hex'),
  ).join('');
  const lines = ['first', '', 'ümläut 🦊', long, random, 'last'];
  let bytes: Buffer;

  beforeAll(async () => {
    file = join(directory.path, 'sealed');
    await sealLines(file, lines);
    bytes = readFileSync(file);
  });

  it('is for its owner alone, shows nothing of what is in it, and gives it back', async () => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(bytes.includes('first')).toBe(false);
    expect(await linesIn(file)).toEqual(lines);
    expect(readdirSync(directory.path)).toEqual(['sealed']);
  });

  it('can be empty', async () => {
    const empty = join(directory.path, 'empty');
    await sealLines(empty, []);
    expect(await linesIn(empty)).toEqual([]);
  });

  it('takes the same letters for the same passphrase, however they were typed', async () => {
    const typed = join(directory.path, 'typed');
    await sealLines(typed, ['one'], 'p\u00e4ss');
    expect(await linesIn(typed, 'pa\u0308ss')).toEqual(['one']);
  });

  it('is told from one with another passphrase, and from other files', async () => {
    await expect(linesIn(file, 'another')).rejects.toThrow(
      `Cannot read the export "${file}": the passphrase is not the one that it was made with`,
    );
    const other = join(directory.path, 'other');
    writeFileSync(other, 'version: 1\n');
    await expect(linesIn(other)).rejects.toThrow('the file is not one that "plan export" wrote');
    writeFileSync(other, '');
    await expect(linesIn(other)).rejects.toThrow('the file is not one that "plan export" wrote');
    await expect(linesIn(join(directory.path, 'none'))).rejects.toThrow('there is no such file');
    await expect(linesIn(directory.path)).rejects.toThrow('it is not a file');
  });

  it('of a newer plan says so', async () => {
    const newer = join(directory.path, 'newer');
    writeFileSync(newer, bytes.toString('latin1').replace('"format":1', '"format":2'), 'latin1');
    await expect(linesIn(newer)).rejects.toMatchObject({
      message: `Cannot read the export "${newer}": it was written by a newer plan (its format is 2, this plan knows 1)`,
      hint: 'Update plan, or use the plan that wrote it.',
      exitCode: 2,
    });
  });

  it('does not ask for more work than a passphrase is worth', async () => {
    const greedy = join(directory.path, 'greedy');
    for (const cost of ['"N":1073741824', '"N":2', '"N":"1024"', '"N":1025']) {
      const [magic = '', header = '', , ...rest] = bytes.toString('latin1').split('\n');
      const changed = `${magic}\n${header.replace('"N":1024', cost)}\n`;
      const digest = createHash('sha256').update(changed).digest('hex');
      writeFileSync(greedy, [`${changed}${digest} ${'0'.repeat(64)}`, ...rest].join('\n'), 'latin1');
      await expect(linesIn(greedy)).rejects.toThrow('it is damaged');
    }
  });

  it('that is damaged or cut off anywhere is never taken for whole', async () => {
    const broken = join(directory.path, 'broken');
    const headerEnd = bytes.indexOf('\n', bytes.indexOf('\n', bytes.indexOf('\n') + 1) + 1) + 1;
    const places = fc.oneof(fc.nat(headerEnd - 1), fc.integer({ min: headerEnd, max: bytes.length - 1 }));
    await fc.assert(
      fc.asyncProperty(places, fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, flip, isCut) => {
        const changed = Buffer.from(isCut ? bytes.subarray(0, at) : bytes);
        if (!isCut) changed[at] = (changed[at] ?? 0) ^ flip;
        writeFileSync(broken, changed);
        const error = await linesIn(broken).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(UsageError);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it('tells of one that ends where a piece ends, and of one with something behind', async () => {
    const broken = join(directory.path, 'broken');
    let at = bytes.indexOf('\n', bytes.indexOf('\n', bytes.indexOf('\n') + 1) + 1) + 1;
    at += 4 + bytes.readUInt32BE(at);
    writeFileSync(broken, bytes.subarray(0, at));
    await expect(linesIn(broken)).rejects.toThrow('it is cut off');
    writeFileSync(broken, Buffer.concat([bytes, Buffer.alloc(100)]));
    await expect(linesIn(broken)).rejects.toThrow(/damaged|cut off/);
  });
});

describe('exportDeployment() and importDeployment()', () => {
  it('bring every history and its state from one state directory to another', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (facts) => {
        const directory = temporaryDirectory();
        const [from, to, file] = [
          join(directory, 'from'),
          join(directory, 'to'),
          join(directory, 'x.export'),
        ];
        await recordAll(from, facts);
        await exportDeployment(request(from, file), cancel);
        await importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel);
        await using before = await openSqliteStore(from);
        await using after = await openSqliteStore(to);
        const range = { after: 0, limit: 100_000 };
        const told = (await after.events(created.uuid, range)).map(({ fact }) => fact);
        const earlier = (await before.events(created.uuid, range)).map(({ fact }) => fact);
        expect(told.slice(0, earlier.length)).toEqual(earlier);
        // Of machines of this computer it is recorded where they are.
        expect(told.slice(earlier.length).every(({ type }) => type === 'scope-prepared')).toBe(true);
        const [old, now] = [await before.load(created.name), await after.load(created.name)];
        expect({ ...now, scopes: [...(now?.scopes.keys() ?? [])] }).toEqual({
          ...old,
          scopes: [...(old?.scopes.keys() ?? [])],
        });
        expect(now).toEqual(foldFacts(told));
        for (const [, bytes] of filesBelow(to)) expect(bytes.includes(TOKEN)).toBe(false);
        expect(readFileSync(file).includes(TOKEN)).toBe(false);
      }),
      { numRuns: 6 },
    );
  }, 120_000);

  it('keep digests under the key that they were made with, and new ones of the directory under its own', async () => {
    const { from, to, file } = await exported();
    await importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel);
    await using before = await openSqliteStore(from);
    await using after = await openSqliteStore(to, { readonly: true });
    expect(after.fingerprint('text', created.uuid)).toBe(before.fingerprint('text'));
    expect(after.fingerprint('text', created.uuid)).toBe(before.fingerprint('text', created.uuid));
    expect(after.fingerprint('text')).not.toBe(before.fingerprint('text'));
    expect(after.fingerprint('text', null)).toBe(after.fingerprint('text', 'of-another'));
  });

  it('go on from directory to directory with the first key', async () => {
    const { from, to, file } = await exported();
    await importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel);
    const [third, next] = [join(to, '../third'), join(to, '../next.export')];
    await exportDeployment(request(to, next), cancel);
    await importDeployment({ directory: third, file: next, passphrase: PASSPHRASE }, cancel);
    await using before = await openSqliteStore(from);
    await using after = await openSqliteStore(third);
    expect(after.fingerprint('text', created.uuid)).toBe(before.fingerprint('text'));
  });

  it('refuse a file that is there, unless told otherwise, and a deployment that is not', async () => {
    const { from, file } = await exported();
    const before = readFileSync(file);
    await expect(exportDeployment(request(from, file), cancel)).rejects.toMatchObject({
      message: `Cannot export to "${file}": the file is there`,
      exitCode: 2,
    });
    expect(readFileSync(file)).toEqual(before);
    await exportDeployment(request(from, file, { force: true }), cancel);
    expect(readFileSync(file)).not.toEqual(before);
    await expect(exportDeployment(request(from, `${file}2`, { name: 'none' }), cancel)).rejects.toThrow(
      'Cannot find deployment "none"',
    );
    await expect(exportDeployment(request(from, join(file, 'below')), cancel)).rejects.toMatchObject({
      exitCode: 3,
    });
    expect(readdirSync(join(from, '..'))).toEqual(['from', 'x.export']);
  });

  it('wait for nobody who works on it, and leave no file when they end early', async () => {
    const { from, to, file } = await exported();
    await using store = await openSqliteStore(from);
    {
      await using held = await lock(store, created.name);
      await expect(exportDeployment(request(from, `${file}2`), cancel)).rejects.toMatchObject({
        exitCode: 3,
      });
    }
    const aborted = { signal: AbortSignal.abort(new Error('enough')) };
    await expect(exportDeployment(request(from, `${file}2`), aborted)).rejects.toThrow('enough');
    await expect(importDeployment({ directory: to, file, passphrase: PASSPHRASE }, aborted)).rejects.toThrow(
      'enough',
    );
    expect(readdirSync(join(from, '..'))).toEqual(['from', 'x.export']);
    await using other = await openSqliteStore(to);
    {
      await using held = await lock(other, created.name);
      await expect(
        importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel),
      ).rejects.toMatchObject({ exitCode: 3 });
    }
  });

  it('touch nothing with the wrong passphrase', async () => {
    const { to, file } = await exported();
    await expect(importDeployment({ directory: to, file, passphrase: 'no' }, cancel)).rejects.toThrow(
      'the passphrase is not the one',
    );
    expect(readdirSync(join(to, '..'))).toEqual(['from', 'x.export']);
  });

  it('let a moved deployment be changed only where it is, and take it back', async () => {
    const { from, to, file } = await exported({ move: true });
    await using store = await openSqliteStore(from);
    const [summary] = await store.list();
    expect(summary).toMatchObject({ name: created.name, movedBy: file });
    await expect(lock(store, created.name)).rejects.toMatchObject({
      message: expect.stringMatching(/moved it away at .*, by the export ".*x\.export"$/) as string,
      exitCode: 3,
    });
    expect(await store.load(created.name)).not.toBeNull();
    await importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel);
    await expect(importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel)).rejects.toThrow(
      `Cannot import "${created.name}": it is recorded here already`,
    );
    const back = `${file}.back`;
    await exportDeployment(request(to, back, { move: true }), cancel);
    await importDeployment({ directory: from, file: back, passphrase: PASSPHRASE }, cancel);
    const [again, ...others] = await store.list();
    expect(others).toEqual([]);
    expect(again).not.toHaveProperty('movedBy');
    await using held = await lock(store, created.name);
    expect(store.fingerprint('text', created.uuid)).toBe(store.fingerprint('text'));
  });

  it('make one that was moved nowhere changeable again by unlocking it', async () => {
    const { from } = await exported({ move: true });
    await using store = await openSqliteStore(from);
    const holder = await store.holder(created.name);
    expect(holder).toMatchObject({ presence: 'elsewhere', lease: { operation: 'move', owner: 'ann@host' } });
    await store.breakLock(created.name, holder?.lease?.nonce ?? '');
    await using held = await lock(store, created.name);
  });

  it('refuse a name that a live deployment has, and one whose lock is held on another host', async () => {
    const { to, file } = await exported();
    {
      await using store = await openSqliteStore(to);
      await using held = await lock(store, created.name);
      const state = emptyState({ ...created, uuid: 'another' });
      await record(store, state, [
        { ...created, uuid: 'another' },
        { type: 'scope-prepared', provider: 'west', at: 1 },
      ]);
    }
    await expect(importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel)).rejects.toThrow(
      'another live deployment of that name is recorded here',
    );
    const db = openDatabase(join(to, 'state.db'));
    db.exec(`INSERT INTO leases (deployment, nonce, owner, pid, operation, since, host, kernel)
      VALUES ('${created.name}', 'n', 'bob@far', 1, 'up', 1, 'far', 'other')`);
    db.close();
    await expect(
      importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel),
    ).rejects.toMatchObject({
      message: expect.stringContaining('its lock is held on another host, "far"') as string,
      exitCode: 3,
    });
  });

  it('ask for further files under the lock, when nobody can add to them', async () => {
    const directory = temporaryDirectory();
    await recordAll(directory, [created]);
    const operations: unknown[] = [];
    const files: ExportRequest['files'] = async () => {
      await using store = await openSqliteStore(directory, { readonly: true });
      operations.push((await store.holder(created.name))?.lease?.operation);
      return [];
    };
    await exportDeployment(request(directory, join(directory, 'x.export'), { files }), cancel);
    expect(operations).toEqual(['export']);
  });

  it('bring logs, the key and claims of hosts along, for their owner alone', async () => {
    const claim = JSON.stringify({ tags: { uuid: created.uuid, deployment: created.name } });
    const hash = 'a'.repeat(24);
    const files = [
      { path: 'id_ed25519', bytes: Buffer.from('key') },
      { path: `hosts/${hash}.json`, bytes: Buffer.from(claim) },
    ];
    const { from, to, file } = await exported(
      { logs: true, files: () => Promise.resolve(files) },
      (directory) => {
        const logs = join(directory, 'logs', `${created.name}-${created.uuid.slice(0, 8)}`, 'web-0');
        mkdirSync(logs, { recursive: true });
        writeFileSync(join(logs, '1-bootstrap-1.log'), 'b'.repeat(500_000));
        writeFileSync(join(logs, '1-verify-1.log'), '');
        writeFileSync(join(logs, 'other.txt'), 'no log');
      },
    );
    await importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel);
    const place = (name: string): string =>
      join('logs', `${created.name}-${created.uuid.slice(0, 8)}`, 'web-0', name);
    expect(readFileSync(join(to, place('1-bootstrap-1.log')))).toEqual(
      readFileSync(join(from, place('1-bootstrap-1.log'))),
    );
    expect(statSync(join(to, place('1-verify-1.log'))).size).toBe(0);
    expect(readdirSync(to).sort()).toEqual(['.gitignore', 'hosts', 'keys', 'locks', 'logs', 'state.db']);
    expect(readFileSync(join(to, 'hosts', `${hash}.json`), 'utf8')).toBe(claim);
    expect(readFileSync(join(to, 'keys', created.uuid, 'id_ed25519'), 'utf8')).toBe('key');
    for (const path of [
      join('keys', created.uuid, 'id_ed25519'),
      join('hosts', `${hash}.json`),
      place('1-verify-1.log'),
    ])
      expect(statSync(join(to, path)).mode & 0o777).toBe(0o600);
    for (const path of ['', 'keys', join('keys', created.uuid), 'hosts', 'logs'])
      expect(statSync(join(to, path)).mode & 0o777).toBe(0o700);
    await using store = await openSqliteStore(to);
    await using held = await lock(store, created.name);
    await store.purge(created.name);
    expect(readdirSync(join(to, 'keys'))).toEqual(['state.key']);
  });

  it('use the key that is there when it is the same, and refuse a host that is taken', async () => {
    const hash = 'b'.repeat(24);
    const claim = (uuid: string): Buffer =>
      Buffer.from(JSON.stringify({ host: { address: '10.0.0.7' }, tags: { uuid, deployment: 'other' } }));
    const files = [
      { path: 'id_ed25519', bytes: Buffer.from('key') },
      { path: `hosts/${hash}.json`, bytes: claim(created.uuid) },
    ];
    const { to, file } = await exported({ files: () => Promise.resolve(files) });
    mkdirSync(join(to, 'keys'), { recursive: true });
    mkdirSync(join(to, 'hosts'));
    writeFileSync(join(to, 'keys/id_ed25519'), 'key');
    writeFileSync(join(to, `hosts/${hash}.json`), claim('somebody'));
    await expect(importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel)).rejects.toThrow(
      'its host "10.0.0.7" belongs to "other" here',
    );
    rmSync(join(to, `hosts/${hash}.json`));
    await importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel);
    expect(readdirSync(join(to, 'keys')).sort()).toEqual(['id_ed25519', 'state.key']);
  });

  it('place the plan in the state directory where its file is not there, and leave it where it is', async () => {
    const directory = temporaryDirectory();
    const [from, to, plans] = [join(directory, 'from'), join(directory, 'to'), join(directory, 'plans')];
    const file = join(directory, 'x.export');
    const sources = new Map<string, SourceEntry>([
      [join(plans, 'web.yml'), { kind: 'file', mode: 0o644, bytes: Buffer.from('the plan') }],
      [join(plans, 'scripts'), { kind: 'directory', names: ['big.sh', 'same'] }],
      [join(plans, 'scripts/big.sh'), { kind: 'file', mode: 0o755, bytes: Buffer.alloc(700_000, 'x') }],
      [join(plans, 'scripts/same'), { kind: 'file', mode: 0o644, bytes: Buffer.from('the plan') }],
    ]);
    {
      await using store = await openSqliteStore(from);
      const archive = await store.saveSources(sources);
      await using held = await lock(store, created.name);
      const state = emptyState(created);
      const path = join(plans, 'web.yml');
      const plan = { digest: 'd', path, name: 'web', inputs: {}, archive, levels: [] };
      await record(store, state, [created, { type: 'plan-recorded', plan, at: 2 }]);
    }
    await exportDeployment(request(from, file), cancel);

    mkdirSync(plans);
    writeFileSync(join(plans, 'web.yml'), 'the plan, changed since');
    const stayed = join(directory, 'stayed');
    const there = await importDeployment({ directory: stayed, file, passphrase: PASSPHRASE }, cancel);
    expect(there.plan).toBe(join(plans, 'web.yml'));
    expect(readdirSync(stayed)).not.toContain('plans');

    rmSync(plans, { recursive: true });
    const moved = await importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel);
    const place = join(to, 'plans', `${created.name}-${created.uuid.slice(0, 8)}`);
    expect(moved.plan).toBe(join(place, 'web.yml'));
    expect(readFileSync(join(place, 'web.yml'), 'utf8')).toBe('the plan');
    expect(readFileSync(join(place, 'scripts/same'), 'utf8')).toBe('the plan');
    expect(statSync(join(place, 'scripts/big.sh'))).toMatchObject({ size: 700_000 });
    expect(statSync(join(place, 'scripts/big.sh')).mode & 0o100).toBe(0o100);
    await using store = await openSqliteStore(to);
    const state = await store.load(created.name);
    const kept = await store.loadSources(state?.plan?.archive ?? '');
    expect(state?.plan?.path).toBe(join(place, 'web.yml'));
    expect([...kept]).toEqual(
      [...sources]
        .map(([path, entry]) => [path.replace(plans, place), entry])
        .sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    );
  });
});

describe('importDeployment() of a crafted file', () => {
  const head: ExportHead = {
    name: 'web',
    uuid: 'u',
    createdAt: 1,
    record: { plan: null, scopes: [], operation: null, lastBatch: 0 },
    directory: '/elsewhere/.plan',
    owner: 'eve@host',
    exportedAt: 1,
    moved: true,
    printKey: Buffer.alloc(32).toString('base64'),
    homes: {},
  };
  const plan = (path: string) => ({
    digest: 'd',
    path,
    name: 'web',
    inputs: {},
    archive: 'c'.repeat(64),
    levels: [],
  });
  const manifest = (path: string): ExportEntry => [
    'archive',
    'c'.repeat(64),
    JSON.stringify([[path, { kind: 'file', mode: 0o644, blob: 'd'.repeat(64) }]]),
  ];

  async function importing(entries: readonly unknown[]): Promise<unknown> {
    const directory = temporaryDirectory();
    const file = join(directory, 'crafted');
    await sealLines(
      file,
      [...entries, ['end', entries.length]].map((entry) => JSON.stringify(entry)),
    );
    const to = join(directory, 'a/b/state');
    const end = await importDeployment({ directory: to, file, passphrase: PASSPHRASE }, cancel).catch(
      (error: unknown) => error,
    );
    if (end instanceof Error) expect(readdirSync(directory)).toEqual(['crafted']);
    return end;
  }

  it('records one that is in order', async () => {
    expect(await importing([['head', head]])).toMatchObject({ head: { name: 'web' }, leftBehind: [] });
  });

  it.each<[string, readonly unknown[]]>([
    ['a name that is a path', [['head', { ...head, name: '../../evil' }]]],
    ['a uuid that is a path', [['head', { ...head, uuid: '..' }]]],
    [
      'a plan at a relative path',
      [['head', { ...head, record: { ...head.record, plan: plan('x/web.yml') } }]],
    ],
    [
      'a plan that leads upward',
      [['head', { ...head, record: { ...head.record, plan: plan('/a/../../web.yml') } }]],
    ],
    ['an archived file that leads upward', [['head', head], manifest('/plans/../../../evil')]],
    ['an archived file without a place', [['head', head], manifest('evil')]],
    [
      'an archive that is none',
      [
        ['head', head],
        ['archive', 'c'.repeat(64), '{}'],
      ],
    ],
    [
      'a file elsewhere',
      [
        ['head', head],
        ['file', '../evil', ''],
      ],
    ],
    [
      'a file in place of the database',
      [
        ['head', head],
        ['file', 'state.db', ''],
      ],
    ],
    [
      'a key of the state directory',
      [
        ['head', head],
        ['file', 'keys/state.key', ''],
      ],
    ],
    [
      'the log of a machine that is a path',
      [
        ['head', head],
        ['log', '../../evil', '1-verify-1.log', ''],
      ],
    ],
    [
      'a log that is a path',
      [
        ['head', head],
        ['log', 'web-0', '../evil.log', ''],
      ],
    ],
    [
      'a machine that is a path',
      [
        ['head', head],
        ['machine', { name: '../evil' }],
      ],
    ],
    [
      'an instance without an id',
      [
        ['head', head],
        ['instance', {}],
      ],
    ],
    [
      'a batch without a number',
      [
        ['head', head],
        ['batch', {}],
      ],
    ],
    [
      'a fact without a type',
      [
        ['head', head],
        ['fact', {}],
      ],
    ],
    [
      'a blob without a digest',
      [
        ['head', head],
        ['blob', 'x', ''],
      ],
    ],
    [
      'two heads',
      [
        ['head', head],
        ['head', head],
      ],
    ],
    ['no head', [['fact', { type: 'x' }]]],
    ['something unknown', [['head', head], ['surprise']]],
    ['something else', [['head', head], 'surprise']],
    [
      'machines of a computer without a place',
      [['head', { ...head, homes: { local: { directory: 'x', proof: null } } }]],
    ],
  ])('refuses %s', async (_, entries) => {
    expect(await importing(entries)).toMatchObject({
      message: expect.stringContaining('what is in it is not what this plan exports') as string,
      exitCode: 2,
    });
  });

  it('refuses one whose end counts other entries, and one that goes on after its end', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'crafted');
    for (const entries of [
      [
        ['head', head],
        ['end', 7],
      ],
      [
        ['head', head],
        ['end', 1],
        ['fact', { type: 'x' }],
      ],
      [['head', head]],
    ]) {
      await sealLines(
        file,
        entries.map((entry) => JSON.stringify(entry)),
      );
      await expect(
        importDeployment({ directory: join(directory, 'to'), file, passphrase: PASSPHRASE }, cancel),
      ).rejects.toThrow('what is in it is not what this plan exports');
    }
  });
});

/** A deployment of which little is recorded, in a directory beside which there is nothing but its export. */
async function exported(
  more: Partial<ExportRequest> = {},
  prepare: (directory: string) => void = () => undefined,
): Promise<{ readonly from: string; readonly to: string; readonly file: string }> {
  const directory = temporaryDirectory();
  const [from, to, file] = [join(directory, 'from'), join(directory, 'to'), join(directory, 'x.export')];
  await recordAll(from, [created]);
  prepare(from);
  await exportDeployment(request(from, file, more), cancel);
  return { from, to, file };
}

/** A directory for all tests of a group. */
function groupDirectory(): { readonly path: string } {
  const directory = { path: '' };
  beforeAll(() => {
    directory.path = mkdtempSync(join(tmpdir(), 'plan-sealed-'));
    return () => rmSync(directory.path, { recursive: true, force: true });
  });
  return directory;
}
