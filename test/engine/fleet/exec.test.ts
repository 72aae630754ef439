import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { execOn } from '../../../src/engine/fleet/exec.ts';
import type { ExecEnd, ExecOptions, ExecRequest } from '../../../src/engine/fleet/exec.ts';
import type { MachineResult } from '../../../src/engine/fleet/over-machines.ts';
import type { Machine } from '../../../src/machine.ts';
import { isGone } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import { openLocalFleet } from './local-fleet.ts';
import type { LocalFleet } from './local-fleet.ts';

const never = new AbortController().signal;

describe('execOn()', () => {
  let local: LocalFleet;

  beforeAll(async () => {
    local = await openLocalFleet({ count: 20 });
  });
  afterAll(async () => {
    await local[Symbol.asyncDispose]();
  });

  function run(
    words: readonly string[],
    {
      machines = local.machines,
      ...more
    }: Partial<ExecOptions> & Partial<ExecRequest> & { readonly machines?: readonly Machine[] } = {},
  ): Promise<readonly MachineResult<ExecEnd>[]> {
    const command = { kind: 'words', words } as const;
    const request = { command, user: null, ...more };
    return execOn(local.fleet, machines, request, {
      clock: systemClock,
      signal: never,
      parallelism: 100,
      ...more,
    });
  }

  function texts(results: readonly MachineResult<ExecEnd>[]): readonly string[] {
    return results.map(({ machine, outcome }) => {
      const what =
        outcome.kind === 'ended'
          ? `${outcome.value.exitCode ?? outcome.value.exitSignal} ${outcome.value.stdout.toString().trim()}`
          : outcome.kind;
      return `${machine} ${what}`;
    });
  }

  /** Runs in a shell, which knows the machine by its home. */
  const sh = (text: string): readonly string[] => ['sh', '-c', text, 'sh'];

  it('answers for all, one of which fails and one of which hangs, within the limit', async () => {
    const [first, second] = local.machines.map((machine) => local.home(machine));
    const text = `case $PWD in "$1") exit 3 ;; "$2") echo $$; sleep 300; exit ;; esac; echo fine`;
    let pid = 0;
    const begun = Date.now();
    const results = await run([...sh(text), first ?? '', second ?? ''], {
      timeout: 3_000,
      onOutput(machine, _stream, chunk) {
        if (machine === 'web-1') pid = Number(chunk.toString());
      },
    });
    expect(Date.now() - begun).toBeLessThan(8_000);
    expect(texts(results)).toEqual([
      'web-0 3 ',
      'web-1 timed-out',
      ...Array.from({ length: 18 }, (_, index) => `web-${index + 2} 0 fine`),
    ]);
    expect(pid).toBeGreaterThan(0);
    expect(isGone(pid)).toBe(true);
  });

  it('tells outputs as they come, keeps their beginnings, and names signals', async () => {
    const seen: string[] = [];
    const machines = local.machines.slice(0, 1);
    const results = await run(sh('echo abcdef; echo err >&2; sleep 0.1; kill -KILL $$'), {
      machines,
      keep: 4,
      onOutput: (machine, stream, chunk) => void seen.push(`${machine} ${stream} ${chunk.toString()}`),
    });
    const [result] = results;
    expect(result?.outcome).toMatchObject({
      kind: 'ended',
      value: { exitSignal: 'KILL', isTruncated: true },
    });
    expect(texts(results)).toEqual(['web-0 KILL abcd']);
    expect(seen.toSorted()).toEqual(['web-0 stderr err\n', 'web-0 stdout abcdef\n']);
  });

  it('gives all of its input to all, at the pace of the slowest', async () => {
    const bytes = randomBytes(2_000_000);
    const results = await run(['sh', '-c', 'cat | sha256sum'], { stdin: Readable.from([bytes]) });
    expect(new Set(texts(results).map((text) => text.split(' ').slice(1).join(' '))).size).toBe(1);
    const kept = await run(['sh', '-c', 'cat | sha256sum'], {
      stdin: Readable.from([bytes]),
      parallelism: 3,
    });
    expect(texts(kept)).toEqual(texts(results));
  });

  it('goes on without those that want no input, and leaves an endless one alone', async () => {
    const source = new PassThrough();
    source.write('line\n');
    const results = await run(['head', '-n', '1'], { stdin: source });
    expect(new Set(texts(results).map((text) => text.split(' ').slice(1).join(' ')))).toEqual(
      new Set(['0 line']),
    );
    expect(source.destroyed).toBe(false);
  });

  it('tells each machine of an input that breaks', async () => {
    const source = new PassThrough();
    const running = run(['cat'], { stdin: source, machines: local.machines.slice(0, 2) });
    await delay(100);
    source.destroy(new Error('no more input'));
    expect((await running).map(({ outcome }) => 'why' in outcome && outcome.why)).toEqual([
      'no more input',
      'no more input',
    ]);
    const machines = local.machines.slice(0, 2);
    for (const parallelism of [1, 2])
      expect(
        (await run(['cat'], { stdin: source, parallelism, machines })).map(
          ({ outcome }) => 'why' in outcome && outcome.why,
        ),
      ).toEqual(['no more input', 'no more input']);
    const closed = new PassThrough();
    const waiting = run(['cat'], { stdin: closed, parallelism: 1, machines });
    await delay(50);
    closed.destroy();
    expect((await waiting)[0]?.outcome).toMatchObject({ why: 'the input was closed before its end' });
    const ended = Readable.from(['all']);
    await ended.toArray();
    expect(texts(await run(['cat'], { stdin: ended, machines }))).toEqual(
      machines.map(({ name }) => `${name} 0 `),
    );
  });

  it('runs a script with arguments, and leaves nothing of it behind, in time or not', async () => {
    const script = {
      name: 'my script.sh',
      bytes: Buffer.from('#!/bin/sh\necho "$0 $*"\n[ -z "$2" ] || sleep 300\n'),
    };
    const command = (args: readonly string[]) => ({ command: { kind: 'script', script, args } }) as const;
    const paths: string[] = [];
    const onOutput = (_machine: string, _stream: string, chunk: Buffer) => void paths.push(chunk.toString());
    const machines = local.machines.slice(0, 3);
    const fine = await run([], { ...command(['a b']), machines, onOutput });
    expect(fine.map(({ outcome }) => outcome.kind)).toEqual(['ended', 'ended', 'ended']);
    const late = await run([], { ...command(['a', 'b']), machines, onOutput, timeout: 1_500 });
    expect(late.map(({ outcome }) => outcome.kind)).toEqual(['timed-out', 'timed-out', 'timed-out']);
    expect(paths).toHaveLength(6);
    for (const path of paths) {
      const [directory = ''] = path.split('/my script.sh');
      expect(directory).toMatch(/plan-script-/);
      await expect(readdir(directory)).rejects.toThrow();
    }
  });

  it('ends commands when it is interrupted', async () => {
    const cancel = new AbortController();
    const pids: number[] = [];
    const machines = local.machines.slice(0, 3);
    const results = await run(sh('echo $$; sleep 300'), {
      machines,
      signal: cancel.signal,
      onOutput(_machine, _stream, chunk) {
        pids.push(Number(chunk.toString()));
        if (pids.length === 3) cancel.abort(new Error('enough'));
      },
    });
    expect(texts(results)).toEqual(['web-0 interrupted', 'web-1 interrupted', 'web-2 interrupted']);
    expect(pids.every((pid) => isGone(pid))).toBe(true);
  });

  it('ends commands whose input breaks, or whose output cannot be taken', async () => {
    const machines = local.machines.slice(0, 2);
    const pids: number[] = [];
    const source = new PassThrough();
    const text = 'echo $$; trap "" HUP PIPE; while :; do sleep 0.1; done';
    const broken = await run(sh(text), {
      machines,
      stdin: source,
      onOutput(_machine, _stream, chunk) {
        pids.push(Number(chunk.toString()));
        if (pids.length === 2) source.destroy(new Error('no more input'));
      },
    });
    const refused = await run(sh(text), {
      machines,
      onOutput(_machine, _stream, chunk) {
        pids.push(Number(chunk.toString()));
        throw new Error('the disk is full');
      },
    });
    expect([...broken, ...refused].map(({ outcome }) => 'why' in outcome && outcome.why)).toEqual([
      'no more input',
      'no more input',
      'the disk is full',
      'the disk is full',
    ]);
    expect(pids.map((pid) => isGone(pid))).toEqual([true, true, true, true]);
  });

  it('tells of machines that cannot be reached', async () => {
    const [machine] = local.machines;
    if (machine?.access?.kind !== 'ssh') throw new Error('no machine');
    const results = await run(['true'], {
      machines: [
        { ...machine, name: 'web-0', stage: 'gone' },
        { ...machine, access: { ...machine.access, privateKey: '/no/key' } },
        { ...machine, id: null, stage: 'none' },
      ],
    });
    expect(results.map(({ outcome }) => outcome)).toMatchObject([
      { kind: 'unreachable', why: 'Cannot reach "web-0": it is terminated' },
      { kind: 'unreachable', why: /private key/ },
      { kind: 'unreachable', why: 'Cannot reach "web-0": it is pending' },
    ]);
  });
});

describe('a fleet', () => {
  it(
    'has machines served again whose host is gone, and ends a command whose connection broke',
    { timeout: 60_000 },
    async () => {
      await using local = await openLocalFleet({ count: 2, inProcess: false });
      const options = { clock: systemClock, signal: never, parallelism: 10 };
      const request = (words: readonly string[]): ExecRequest => ({
        command: { kind: 'words', words },
        user: null,
      });
      let pid = 0;
      const [machine] = local.machines;
      const cut = await execOn(
        local.fleet,
        local.machines.slice(0, 1),
        request(['sh', '-c', 'echo $$; exec sleep 300']),
        {
          ...options,
          onOutput(_machine, _stream, chunk) {
            pid = Number(chunk.toString());
            process.kill(local.hostPid(), 'SIGKILL');
          },
        },
      );
      expect(machine?.name).toBe('web-0');
      expect(cut[0]?.outcome).toMatchObject({ kind: 'unreachable', why: /lost/ });
      await until(() => isGone(pid));
      const again = await execOn(local.fleet, local.machines, request(['true']), options);
      expect(again.map(({ outcome }) => outcome.kind)).toEqual(['ended', 'ended']);
    },
  );
});
