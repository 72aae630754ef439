import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyOf } from '../support/ssh-access.ts';
import { sshdMissing } from '../support/sshd.ts';
import type { World } from '../support/sshd-world.ts';
import { startWorld } from '../support/sshd-world.ts';
import { until } from '../support/until.ts';
import type { Ran } from './command.ts';
import { plan, workspace } from './command.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

/** Tells at its end how much memory the process took (KiB). */
const WATCH = `
const { writeFileSync } = require('node:fs');
process.on('exit', () => writeFileSync(process.env.MOST, String(process.resourceUsage().maxRSS)));
`;

const LIMIT = 200_000_000;

/** A line for everything in a file or a tree: mode, name and digest. */
const DIGEST =
  'if [ -d "$1" ]; then cd "$1"; set -- .; else cd "${1%/*}"; set -- "./${1##*/}"; fi; ' +
  '{ find "$1" -printf "%m %y %p\\n"; find "$1" -type f -exec sha256sum {} +; } | LC_ALL=C sort | sha256sum';

const missing = sshdMissing();
let space: Awaited<ReturnType<typeof workspace>>;
let world: World | undefined;
/** Where the home of each machine is. */
const homes = new Map<string, string>();
/** How to reach a machine by this name. */
const MACHINES = missing === undefined ? ['here-0', 'far-0'] : ['here-0'];

beforeAll(async () => {
  space = await workspace({ 'watch.cjs': WATCH });
  if (missing === undefined) world = await startWorld({ users: [{ name: 'ann', uid: 47_331, sudo: true }] });
  const far =
    world === undefined
      ? ''
      : `
      far:
        provider: pool
        ssh: { privateKey: ${JSON.stringify(keyOf(world.access))}, hostKey: pinFirst }`;
  const provider =
    world === undefined ? '' : `pool: { type: hosts, hosts: ["ann@127.0.0.1:${world.access.port}"] }`;
  await writeFile(
    join(space.path, 'plan.yml'),
    `version: 1\nname: fleet\nproviders: { ${provider} }\nlevels:\n  - name: app\n    services:\n      here: {}${far}\n`,
  );
  const { code, stderr } = await run('up', 'plan.yml', '-q');
  if (code !== 0) throw new Error(stderr);
  for (const machine of MACHINES) homes.set(machine, (await run('exec', machine, '--', 'pwd')).stdout.trim());
});

afterAll(async () => {
  await run('down', 'fleet', '--yes', '-q');
  await world?.[Symbol.asyncDispose]();
  await space[Symbol.asyncDispose]();
});

function run(...argv: string[]): Promise<Ran> {
  return plan(argv, { cwd: space.path });
}

function at(machine: string, path: string): string {
  return join(homes.get(machine) ?? '', path);
}

/** What the process that copied this took of memory at most, in bytes. */
async function memoryOf(...argv: string[]): Promise<number> {
  const most = join(space.path, 'most');
  const env = { ...process.env, MOST: most, NODE_OPTIONS: `--require ${join(space.path, 'watch.cjs')}` };
  await promisify(execFile)(process.execPath, [MAIN, 'copy', ...argv], { cwd: space.path, env });
  return Number(await readFile(most, 'utf8')) * 1_024;
}

function digest(path: string): string {
  return execFileSync('sh', ['-ec', DIGEST, 'sh', path], { encoding: 'utf8' });
}

/** Temporary directories of copies. */
async function leftovers(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => name.startsWith('.plan-copy-'));
}

describe('the process of plan copy', () => {
  it(
    'brings 200 MB and 5,000 files there and back as they were, in 200 MB',
    { timeout: 300_000 },
    async () => {
      execFileSync('sh', ['-c', 'head -c 200000000 /dev/urandom >big'], { cwd: space.path });
      const many = join(space.path, 'many');
      for (let i = 0; i < 50; i += 1) {
        await mkdir(join(many, `d${i}`), { recursive: true, mode: i === 7 ? 0o750 : 0o755 });
        for (let k = 0; k < 100; k += 1)
          await writeFile(join(many, `d${i}`, `f${k}`), `${i} ${k}\n`, {
            mode: [0o644, 0o600, 0o755][k % 3],
          });
      }
      await mkdir(join(space.path, 'back'));
      const took: string[] = [];
      for (const name of ['big', 'many']) {
        const wanted = digest(join(space.path, name));
        for (const machine of MACHINES) {
          const begun = Date.now();
          const there = await memoryOf(name, `${machine}:`);
          expect(digest(at(machine, name))).toBe(wanted);
          const middle = Date.now();
          const back = await memoryOf(`${machine}:${name}`, 'back/');
          expect(digest(join(space.path, 'back', name))).toBe(wanted);
          const words = [there, back].map((bytes) => `${Math.round(bytes / 1_000_000)} MB`);
          took.push(
            `${name} ${machine}: ${middle - begun} ms ${words[0]}, ${Date.now() - middle} ms ${words[1]}`,
          );
          expect(Math.max(there, back), took.at(-1)).toBeLessThan(LIMIT);
          await rm(join(space.path, 'back', name), { recursive: true });
          await rm(at(machine, name), { recursive: true });
        }
        await rm(join(space.path, name), { recursive: true });
      }
    },
  );

  describe.each(MACHINES)('with %s', (machine) => {
    /** Too large to be copied to its end. */
    async function endless(path: string): Promise<void> {
      await writeFile(path, '');
      await truncate(path, 50_000_000_000);
    }

    /** Copies until some of it is in a directory; ends the process by a signal then. */
    async function interrupted(
      argv: readonly string[],
      directory: string,
      signal: NodeJS.Signals,
    ): Promise<unknown> {
      const before = await leftovers(directory);
      const child = spawn(process.execPath, [MAIN, 'copy', ...argv], { cwd: space.path, stdio: 'ignore' });
      const exited = once(child, 'exit');
      await until(async () => {
        if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}`);
        const name = (await leftovers(directory)).find((one) => !before.includes(one));
        if (name === undefined) return false;
        const found = await stat(join(directory, name, 'tree')).catch(() => undefined);
        return (found?.size ?? 0) > 1_000_000;
      });
      child.kill(signal);
      const [code, by] = (await exited) as [number | null, NodeJS.Signals | null];
      return code ?? by;
    }

    it('leaves nothing under the name there when it is killed, and copies then', async () => {
      const home = homes.get(machine) ?? '';
      await endless(join(space.path, 'huge'));
      for (const [signal, end] of [
        ['SIGKILL', 'SIGKILL'],
        ['SIGTERM', 143],
      ] as const) {
        expect(await interrupted(['huge', `${machine}:final`], home, signal)).toBe(end);
        expect(existsSync(join(home, 'final'))).toBe(false);
        await until(async () => (await leftovers(home)).length === 0);
      }
      await writeFile(join(space.path, 'huge'), 'small now');
      expect(await run('copy', 'huge', `${machine}:final`, '-q')).toMatchObject({ code: 0 });
      expect(await readFile(join(home, 'final'), 'utf8')).toBe('small now');
    });

    it('leaves nothing under the name here when it is killed, and copies then', async () => {
      const here = join(space.path, `to-${machine}`);
      await mkdir(here);
      await endless(at(machine, 'huge'));
      const words = [`${machine}:huge`, `to-${machine}/final`];
      expect(await interrupted(words, here, 'SIGKILL')).toBe('SIGKILL');
      expect(await leftovers(here)).toHaveLength(1);
      expect(existsSync(join(here, 'final'))).toBe(false);
      expect(await interruptedAgain()).toBe(143);
      expect(await readdir(here)).toEqual([]);
      await writeFile(at(machine, 'huge'), 'small now');
      expect(await run('copy', ...words, '-q')).toMatchObject({ code: 0 });
      expect(await readdir(here)).toEqual(['final']);

      /** The first thing that it does is to remove what is left. */
      function interruptedAgain(): Promise<unknown> {
        return interrupted(words, here, 'SIGTERM');
      }
    });
  });

  it.skipIf(process.getuid?.() !== 0)('says that the disk here is full, and leaves nothing', async () => {
    await writeFile(at('here-0', 'much'), Buffer.alloc(3_000_000));
    await mkdir(join(space.path, 'tiny'));
    const script =
      'mount -t tmpfs -o size=1m none tiny; "$@" here-0:much tiny/much || echo "code $?"; ls -A tiny; umount tiny';
    const child = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', process.execPath, MAIN, 'copy'], {
      cwd: space.path,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(stdout).toBe('code 1\n');
    expect(stderr).toMatch(/Cannot copy to "\S*tiny\/much": the disk is full/);
  });

  it.skipIf(missing !== undefined)('writes and reads as another user', async () => {
    const place = world?.place ?? '';
    await writeFile(join(space.path, 'conf'), 'secret', { mode: 0o600 });
    const refused = await run('copy', 'conf', `far:${place}/conf`);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/"\S+" cannot be written to by "ann": Permission denied/),
    ]);
    expect(await run('copy', 'conf', `far:${place}/conf`, '--user', 'root', '-q')).toMatchObject({ code: 0 });
    expect([(await stat(join(place, 'conf'))).uid, (await stat(join(place, 'conf'))).mode & 0o777]).toEqual([
      0, 0o600,
    ]);
    const unread = await run('copy', `far:${place}/conf`, 'mine');
    expect([unread.code, unread.stderr]).toEqual([1, expect.stringMatching(/may not be read by "ann"/)]);
    expect(await run('copy', `far:${place}/conf`, 'mine', '--user', 'root', '-q')).toMatchObject({ code: 0 });
    expect(await readFile(join(space.path, 'mine'), 'utf8')).toBe('secret');
    const nobody = await run('copy', 'conf', 'far:', '--user', 'no-such-user');
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringMatching(/no-such-user/)]);
  });
});
