import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { measure, median } from './measure.ts';
import { CLI, program, ROOT } from './paths.ts';
import type { Row } from './row.ts';

const ROUNDS = 15;
const EC2 = 'providers/ec2';

/** What EC2 costs to commands that do not use it: CPU time of the program as it is, against a copy that lacks EC2. */
export async function ec2LazyRows(): Promise<readonly Row[]> {
  const { stdout: directory } = await measure([program('recorded'), '1']);
  const bare = await mkdtemp(join(tmpdir(), 'plan-bench-bare-'));
  try {
    for (const part of ['dist', 'schemas', 'package.json'])
      await cp(join(ROOT, part), join(bare, part), { recursive: true });
    await rm(join(bare, 'dist', EC2), { recursive: true });
    await removeParts(join(bare, 'dist/cli'), `\n// src/${EC2}/`);
    await symlink(join(ROOT, 'node_modules'), join(bare, 'node_modules'));
    const state = ['--state-dir', join(directory, 'state')];
    const commands = [
      ['status', 'bench', ...state],
      ['list', ...state],
      ['validate', join(directory, 'plan.yml'), ...state],
    ];
    const without = join(bare, 'dist/cli/main.js');
    const cpu = async (args: readonly string[]): Promise<number> => (await measure(args)).cpu;
    const rounds: { readonly ours: number; readonly theirs: number }[] = [];
    const loading: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      let [ours, theirs] = [0, 0];
      for (const command of commands) {
        ours += await cpu([CLI, ...command]);
        theirs += await cpu([without, ...command]);
      }
      rounds.push({ ours, theirs });
      const nothing = await cpu(['-e', '0']);
      loading.push((await cpu(['--input-type=module', '-e', importOf(`${EC2}/ec2.js`)])) - nothing);
    }
    const ours = median(rounds.map((one) => one.ours));
    const theirs = median(rounds.map((one) => one.theirs));
    return [
      {
        name: 'plan status, list and validate without EC2 in use: CPU against a program that lacks EC2',
        value: median(rounds.map((one) => one.ours / one.theirs)),
        unit: '×',
        limit: 1.05,
        detail: `${(ours * 1_000).toFixed(0)} ms against ${(theirs * 1_000).toFixed(0)} ms`,
      },
      {
        name: 'CPU that loading the provider of EC2 and its SDK takes',
        value: median(loading) * 1_000,
        unit: 'ms',
        limit: null,
        detail: 'which each of these commands would pay',
      },
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
    await rm(bare, { recursive: true, force: true });
  }
}

/** Removes the files of a program that hold this text. */
async function removeParts(directory: string, text: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if ((await readFile(path, 'utf8')).includes(text)) await rm(path);
  }
}

function importOf(module: string): string {
  return `await import(${JSON.stringify(pathToFileURL(join(ROOT, 'dist', module)).href)})`;
}
