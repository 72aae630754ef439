import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findStateDirectory } from '../../src/api/state-directory.ts';
import { plan, workspace } from '../cli/command.ts';

let root: Awaited<ReturnType<typeof workspace>>;

beforeAll(async () => {
  root = await workspace();
  for (const path of [
    'used/.plan',
    'used/repo/.git',
    'used/repo/deep/er',
    'empty/.plan',
    'empty/inner',
    'bare',
    'linked',
  ])
    await mkdir(join(root.path, path), { recursive: true });
  await writeFile(join(root.path, 'used/.plan/state.db'), '');
  await writeFile(join(root.path, 'linked/.git'), 'gitdir: elsewhere');
});

afterAll(() => root[Symbol.asyncDispose]());

describe('findStateDirectory()', () => {
  it.each<[what: string, from: string, given: string | undefined, expected: string]>([
    ['what is given, relative to here', 'bare', 'my/state', 'bare/my/state'],
    ['what is given, absolute', 'used', '/elsewhere', '/elsewhere'],
    ['the nearest .plan with a state.db, here', 'used', undefined, 'used/.plan'],
    [
      'the nearest .plan with a state.db, upward, beyond a work tree',
      'used/repo/deep',
      undefined,
      'used/.plan',
    ],
    ['.plan here when the one upward holds no state.db', 'empty/inner', undefined, 'empty/inner/.plan'],
    ['.plan at the root of a work tree whose .git is a file', 'linked', undefined, 'linked/.plan'],
    ['.plan here', 'bare', undefined, 'bare/.plan'],
  ])('answers %s', (_, from, given, expected) => {
    const found = findStateDirectory({ given, cwd: join(root.path, from) });
    expect(found).toBe(expected.startsWith('/') ? expected : join(root.path, expected));
  });

  it('passes over a .plan of another owner', () => {
    const uid = (process.getuid?.() ?? 0) + 1;
    const found = findStateDirectory({ given: undefined, cwd: join(root.path, 'used/repo/deep/er'), uid });
    expect(found).toBe(join(root.path, 'used/repo/.plan'));
  });
});

it('--state-dir wins over PLAN_STATE_DIR', async () => {
  const env = { PLAN_STATE_DIR: 'from-env' };
  const blocked = join(root.path, 'a-file');
  await writeFile(blocked, '');
  await mkdir(join(root.path, 'from-env'));
  await writeFile(
    join(root.path, 'from-env/state.db'),
    'no database at all, but long enough to be read as one',
  );
  expect(await plan(['list'], { cwd: root.path, env })).toMatchObject({ code: 3, stdout: '' });
  expect(await plan(['list', '--state-dir', 'fresh'], { cwd: root.path, env })).toMatchObject({ code: 0 });
});
