import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '..');
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plan-package-'));
  await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory], { cwd: ROOT });
  const [tarball = ''] = await readdir(directory);
  await run('tar', ['xzf', tarball], { cwd: directory });
  await symlink(join(ROOT, 'node_modules'), join(directory, 'package/node_modules'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

it('the packed tarball holds all that a plan needs to come up, and the public API', async () => {
  const main = join(directory, 'package/dist/cli/main.js');
  const state = ['--state-dir', join(directory, 'state')];
  const plan = join(directory, 'package/plans/quickstart.yml');
  try {
    await run(process.execPath, [main, 'up', plan, '--input', 'webs=1', ...state]);
    const { stdout } = await run(process.execPath, [main, 'status', '--json', ...state]);
    expect(JSON.parse(stdout)).toMatchObject({ deployment: 'quickstart', state: 'ready' });
  } finally {
    await run(process.execPath, [main, 'down', '--yes', ...state]);
  }
  const api = `import('${join(directory, 'package/dist/index.js')}').then((api) => console.log(Object.keys(api).sort().join()))`;
  expect((await run(process.execPath, ['-e', api])).stdout).toMatch(/\bopenState\b/);
});

it('the packed tarball holds the licences of the packages that are part of its programs', async () => {
  const programs = join(directory, 'package/dist/cli');
  const notices = await readFile(join(programs, 'THIRD-PARTY.txt'), 'utf8');
  const parts = new Set<string>();
  for (const name of await readdir(programs)) {
    const text = await readFile(join(programs, name), 'utf8');
    for (const [, part = ''] of text.matchAll(/^\/\/ \S*node_modules\/((?:@[^/]+\/)?[^/]+)\//gm))
      parts.add(part);
  }
  expect(parts).toContain('yaml');
  for (const part of parts) expect(notices).toMatch(new RegExp(`^${part} \\d`, 'm'));
});
