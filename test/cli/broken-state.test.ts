import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Ran } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';

const THREE = `
version: 1
name: three
inputs: { machines: { default: 2 } }
levels:
  - name: low
    services:
      db: { count: '{{inputs.machines}}', bootstrap: { run: 'echo "up"' }, teardown: { run: 'echo "down"' } }
  - name: high
    services:
      web: { count: '{{inputs.machines}}', bootstrap: { run: 'echo "up"' } }
`;

/** Mounting a file system takes root. */
const mayMount = process.geteuid?.() === 0 && process.platform === 'linux';

interface Disk {
  readonly path: string;
  run(...argv: readonly string[]): Promise<Ran>;
  /** Leaves so many bytes free. */
  fill(free: number): void;
  empty(): void;
  remount(mode: 'ro' | 'rw'): void;
}

/** A state directory on a file system of its own, with a deployment's machines on it. */
async function disk(): Promise<Disk> {
  const space = await workspace({ 'three.yml': THREE });
  const path = join(space.path, '.plan');
  execFileSync('/bin/mkdir', ['-m', '700', path]);
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=16m', 'plan-test', path]);
  const filler = join(path, 'filler');
  const run = (...argv: readonly string[]): Promise<Ran> => plan(argv, { cwd: space.path });
  const empty = (): void => rmSync(filler, { force: true });
  const remount = (mode: 'ro' | 'rw'): void => {
    execFileSync('/bin/mount', ['-o', `remount,${mode}`, path]);
  };
  onTestFinished(async () => {
    remount('rw');
    empty();
    await run('down', 'three', '--yes');
    execFileSync('/bin/umount', ['--lazy', path]);
    await space[Symbol.asyncDispose]();
  });
  return {
    path,
    run,
    empty,
    remount,
    fill(free) {
      empty();
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - free)));
    },
  };
}

async function machinesOf(run: Disk['run']): Promise<readonly string[]> {
  const { stdout } = await run('output', '-d', 'three', '--json');
  const { services } = JSON.parse(stdout) as { services: Record<string, { id: string }[]> };
  return Object.values(services).flatMap((machines) => machines.map(({ id }) => id));
}

const FULL = /^Cannot [^\n]*: the disk is full\nMake room on it and run the command again: /m;

describe.skipIf(!mayMount)('a full disk', () => {
  it('ends up with exit code 3, and the next up goes on and forgets no machine', async () => {
    const { run, fill, empty } = await disk();
    expect((await run('up', 'three.yml', '--dry-run')).code).toBe(0);
    const codes: number[] = [];
    // Room for a little more each time, so that the disk is full at different moments.
    for (let free = 0; codes.at(-1) !== 0 && free <= 8_000_000; free += 60_000) {
      fill(free);
      const ran = await run('up', 'three.yml', '--progress', 'plain');
      codes.push(ran.code);
      if (ran.code !== 0) expect([1, 3]).toContain(ran.code);
      if (ran.code === 3) expect(ran.stderr).toMatch(FULL);
    }
    expect(codes.at(0)).toBe(3);
    empty();
    const { code } = await run('up', 'three.yml');
    expect(code).toBe(0);
    expect(await machinesOf(run)).toHaveLength(4);
    const launched = jsonEvents(await run('events', 'three', '--json')).filter(
      ({ type }) => type === 'launch-answered',
    );
    expect(launched.flatMap(({ ids }) => ids)).toHaveLength(4);
  }, 120_000);

  it('ends down with exit code 3, lets status read, and the next down ends all', async () => {
    const { run, fill, empty } = await disk();
    expect((await run('up', 'three.yml')).code).toBe(0);
    fill(0);
    const down = await run('down', 'three', '--yes', '--json');
    expect(down.code).toBe(3);
    expect(down.stderr).toMatch(FULL);
    expect(jsonLines(down.stdout).at(-1)).toMatchObject({
      type: 'result',
      outcome: 'failed',
      error: expect.stringContaining('the disk is full') as string,
    });
    expect((await run('status', 'three')).stdout).toMatch(/^three {2}ready/);
    empty();
    expect((await run('down', 'three', '--yes')).code).toBe(0);
    expect(await machinesOf(run)).toEqual([]);
  }, 60_000);
});

describe.skipIf(!mayMount)('a file system that is read-only', () => {
  it('keeps up and down from beginning, with exit code 3, and lets status read', async () => {
    const { run, remount } = await disk();
    // Machines would keep files open for writing.
    expect((await run('up', 'three.yml', '--input', 'machines=0')).code).toBe(0);
    remount('ro');
    for (const argv of [
      ['up', 'three.yml'],
      ['down', 'three', '--yes'],
    ])
      expect(await run(...argv)).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(
          /^Cannot [^\n]*: (?:it is read-only|the file cannot be opened)\nCheck who owns /,
        ) as string,
      });
    expect((await run('status', 'three')).stdout).toMatch(/^three {2}ready/);
    expect((await run('unlock', 'three')).code).toBe(0);
    remount('rw');
    expect((await run('down', 'three', '--yes')).code).toBe(0);
  }, 60_000);
});

describe('a damaged database', () => {
  it('ends every command with exit code 3 and is left as it is', async () => {
    await using space = await workspace({ 'three.yml': THREE });
    const run = (...argv: readonly string[]): Promise<Ran> => plan(argv, { cwd: space.path });
    expect((await run('up', 'three.yml')).code).toBe(0);
    const path = join(space.path, '.plan/state.db');
    const whole = readFileSync(path);
    writeFileSync(path, Buffer.concat([whole.subarray(0, 4_096), Buffer.alloc(whole.length - 4_096, 'x')]));
    const damaged = readFileSync(path);
    for (const argv of [
      ['up', 'three.yml'],
      ['down', 'three', '--yes'],
      ['status', 'three'],
      ['list'],
      ['events', 'three'],
      ['unlock', 'three', '--yes'],
    ]) {
      const ran = await run(...argv);
      expect([argv[0], ran.code]).toEqual([argv[0], 3]);
      expect(ran.stderr).toMatch(
        /^Cannot read the state in "[^"]*state\.db": the file is damaged\nRestore it from a backup/,
      );
    }
    expect(readFileSync(path).equals(damaged)).toBe(true);
    writeFileSync(path, whole);
    truncateSync(path, whole.length);
    expect((await run('down', 'three', '--yes')).code).toBe(0);
  });
});

function jsonEvents({ stdout }: Ran): readonly { readonly type: string; readonly ids?: readonly string[] }[] {
  return (JSON.parse(stdout) as { readonly events: readonly { readonly type: string }[] }).events;
}
