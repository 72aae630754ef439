import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { emptyState } from '../../src/state/deployment-state.ts';
import { exportDeployment } from '../../src/state/export.ts';
import { importDeployment } from '../../src/state/import.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import { quickDirectory } from '../support/quick-directory.ts';
import { until } from '../support/until.ts';
import { runChild } from './children.ts';
import { created } from './histories.ts';
import { lock, record } from './stores.ts';

const FACTS = 4_000;
const LOGS = 150;
const PASSPHRASE = 'words';
const cancel = { signal: new AbortController().signal };
const LOG_DIRECTORY = join('logs', `${created.name}-${created.uuid.slice(0, 8)}`);

let file = '';

beforeAll(async () => {
  const directory = await quickDirectory('plan-killed-');
  file = join(directory, 'x.export');
  const from = join(directory, 'from');
  await using store = await openSqliteStore(from);
  {
    await using held = await lock(store, created.name);
    const state = emptyState(created);
    const ended = { type: 'operation-ended', id: 1, outcome: 'succeeded', at: 2 } as const;
    await record(store, state, [created, ...Array.from({ length: FACTS - 1 }, () => ended)]);
  }
  for (let i = 0; i < LOGS; i += 1) {
    mkdirSync(join(from, LOG_DIRECTORY, `web-${i}`), { recursive: true });
    writeFileSync(join(from, LOG_DIRECTORY, `web-${i}`, '1-bootstrap-1.log'), `log ${i}\n`);
  }
  const request = { directory: from, name: created.name, file, passphrase: PASSPHRASE, cost: 2 ** 10 };
  const more = { force: false, move: false, logs: true, owner: 'ann@host', lockTimeout: 0 };
  await exportDeployment({ ...request, ...more, files: () => Promise.resolve([]) }, cancel);
  return () => rmSync(directory, { recursive: true, force: true });
});

/** How many facts and logs are recorded; undefined: no such deployment is. */
async function found(directory: string): Promise<readonly [number, number] | undefined> {
  await using store = await openSqliteStore(directory, { readonly: true });
  if ((await store.load(created.name)) === null) return undefined;
  const facts = await store.events(created.uuid, { after: 0, limit: 1_000_000 });
  return [facts.length, readdirSync(join(directory, LOG_DIRECTORY)).length];
}

const PROGRAM = `
const { importDeployment } = await import(${JSON.stringify(new URL('../../dist/state/import.js', import.meta.url).href)});
console.log('begin');
await importDeployment({ directory, file: process.env.EXPORT_FILE, passphrase: ${JSON.stringify(PASSPHRASE)} }, { signal });
console.log('end');
`;

describe('an import that is killed', () => {
  it.each([
    ['when it has a directory for what is not in its place', 'imports/web-stack'],
    ['when it brings files to their places', 'imports/web-stack/published.json'],
    ['when the last of them is there', join(LOG_DIRECTORY, `web-${LOGS - 1}`)],
  ])('%s has recorded all or nothing, and the next one cleans up', async (_, sign) => {
    const directory = join(dirname(file), `state ${sign.replaceAll('/', '-')}`);
    process.env['EXPORT_FILE'] = file;
    const child = runChild(directory, PROGRAM);
    let isOver = false;
    const over = child.ended().then(() => (isOver = true));
    await child.line();
    await until(() => isOver || existsSync(join(directory, sign)));
    await child.kill('SIGKILL');
    await over;
    const left = existsSync(directory) ? await found(directory) : undefined;
    expect([undefined, [FACTS, LOGS]]).toContainEqual(left);
    if (left === undefined) {
      await importDeployment({ directory, file, passphrase: PASSPHRASE }, cancel);
      expect(await found(directory)).toEqual([FACTS, LOGS]);
      expect(existsSync(join(directory, 'imports'))).toBe(false);
    }
    await using store = await openSqliteStore(directory);
    await using held = await lock(store, created.name);
  });
});
