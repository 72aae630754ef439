import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
  readFileSync,
  chmodSync,
  statSync,
  lstatSync,
  mkdtempSync,
  rmSync,
} from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Observation } from '../../../src/providers/provider.ts';
import { cancel, createLocalMachines } from '../../support/local-machines.ts';
import type { LocalMachines } from '../../support/local-machines.ts';
import { isGone } from '../../support/processes.ts';
import { connectTo } from '../../support/ssh-client.ts';
import { until } from '../../support/until.ts';

let machines: LocalMachines;
beforeAll(async () => {
  machines = await createLocalMachines({ inProcess: true });
});
afterAll(() => machines[Symbol.asyncDispose]());

/** Each starts `$HOME/nap <n>` in its own way and leaves its pid in `pid-<n>`. */
const DAEMONS = {
  'a child of a shell that is still there': 'sh nap plain & wait',
  'a process in the background': 'sh nap background </dev/null >/dev/null 2>&1 &',
  'a session of its own': 'setsid sh nap session </dev/null >/dev/null 2>&1 &',
  'a double fork': '(setsid sh -c "(sh nap double &) & " </dev/null >/dev/null 2>&1 &)',
  'an empty environment': 'env -i setsid /bin/sh nap empty </dev/null >/dev/null 2>&1 &',
  'a changed title': `perl -e 'fork and exit; $0 = "kworker/0:1"; open F, ">pid-title"; print F $$; close F; sleep 300' </dev/null >/dev/null 2>&1`,
  'another directory and another group':
    'perl -e \'fork and exit; setpgrp; exec "sh", "nap", "group"\' </dev/null >/dev/null 2>&1',
  'signals that it ignores': `perl -e 'fork and exit; $SIG{$_} = "IGNORE" for qw(HUP TERM INT QUIT); open F, ">pid-deaf"; print F $$; close F; sleep 1 while 1' </dev/null >/dev/null 2>&1`,
};
const NAMES = ['plain', 'background', 'session', 'double', 'empty', 'title', 'group', 'deaf'];

async function startDaemons(id: string): Promise<readonly number[]> {
  await using client = await machines.connect(id);
  await client.run('cat >nap', 'printf $$ >"pid-$1.new"; mv "pid-$1.new" "pid-$1"; cd /; exec sleep 300');
  const [plain, ...others] = Object.values(DAEMONS);
  const channel = await client.open(plain ?? '');
  for (const command of others) expect(await client.run(command)).toMatchObject({ code: 0 });
  const pidOf = (name: string): number => {
    const path = join(machines.home(id), `pid-${name}`);
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  };
  await until(() => NAMES.every((name) => pidOf(name) > 0));
  const pids = NAMES.map(pidOf);
  expect(pids.filter(isGone)).toEqual([]);
  channel.removeAllListeners();
  return pids;
}

/** What is seen in the same breath, before the machine can have got anywhere. */
async function rightAfter(verb: 'reboot' | 'terminate', id: string): Promise<Observation> {
  const [, seen] = await Promise.all([machines.provider[verb]([id], cancel), machines.look(id)]);
  return seen;
}

describe('terminate', () => {
  it('ends every process that was started on the machine, and none of another', async () => {
    const [first = '', second = ''] = await machines.launch(2);
    const [doomed, spared] = await Promise.all([startDaemons(first), startDaemons(second)]);
    await machines.provider.terminate([first], cancel);
    expect((await machines.until(first, 'terminated')).reason).toBeNull();
    expect(doomed.filter((pid) => !isGone(pid))).toEqual([]);
    // The first one belonged to the connection that `startDaemons` closed.
    expect(spared.slice(1).filter(isGone)).toEqual([]);
    expect(existsSync(machines.home(first))).toBe(false);
    await machines.provider.terminate([second], cancel);
    await machines.until(second, 'terminated');
    expect(spared.filter((pid) => !isGone(pid))).toEqual([]);
  });

  it('ends processes that go on forking', async () => {
    const { id } = await machines.one();
    await using client = await machines.connect(id);
    const channel = await client.open(
      `i=0; while [ $i -lt 30 ]; do (while :; do sleep 0.01; done) & i=$((i+1)); done; echo on; wait`,
    );
    await once(channel, 'data');
    await machines.provider.terminate([id], cancel);
    await machines.until(id, 'terminated');
  });

  it('removes a home that scripts made read-only', async () => {
    const { id } = await machines.one();
    await using client = await machines.connect(id);
    await client.text('mkdir -p a/b && touch a/b/c && chmod 0500 a/b a');
    await machines.provider.terminate([id], cancel);
    await machines.until(id, 'terminated');
    expect(existsSync(machines.home(id))).toBe(false);
  });

  it('tells terminating until it is over, and terminated after', async () => {
    const { id } = await machines.one();
    expect((await rightAfter('terminate', id)).state).toBe('terminating');
    const ended = await machines.until(id, 'terminated');
    expect(ended.batch?.index).toBe(0);
    for (const verb of ['stop', 'start', 'reboot'] as const) {
      expect((await machines.provider[verb]([id], cancel)).get(id)).toEqual({
        kind: 'cannot',
        why: 'there is no such machine',
      });
    }
  });

  it('can do nothing else with a machine that is being terminated', async () => {
    const { id } = await machines.one();
    const { provider } = machines;
    const [, answers] = await Promise.all([provider.terminate([id], cancel), provider.reboot([id], cancel)]);
    expect(answers.get(id)).toEqual({
      kind: 'cannot',
      why: 'it is being terminated',
    });
    await machines.until(id, 'terminated');
  });
});

describe('power', () => {
  it('reboot is the power cut: processes end, home, address and key stay', async () => {
    const { id, access } = await machines.one();
    const pids = await startDaemons(id);
    expect((await rightAfter('reboot', id)).state).toBe('pending');
    const after = await machines.until(id, 'running');
    expect(pids.filter((pid) => !isGone(pid))).toEqual([]);
    expect(after.access).toEqual(access);
    await using client = await machines.connect(id);
    expect(await client.text('ls pid-plain')).toBe('pid-plain');
  });

  it('a stopped machine runs nothing and does not answer until it is started', async () => {
    const { id } = await machines.one();
    const pids = await startDaemons(id);
    await machines.provider.stop([id], cancel);
    const { access } = await machines.until(id, 'stopped');
    expect(pids.filter((pid) => !isGone(pid))).toEqual([]);
    if (access === null) throw new Error('Cannot try a machine without access');
    await expect(connectTo(access)).rejects.toThrow('ECONNREFUSED');
    expect((await machines.provider.reboot([id], cancel)).get(id)).toEqual({
      kind: 'cannot',
      why: 'it is stopped',
    });
    await machines.provider.start([id], cancel);
    await using client = await machines.connect(id);
    expect(await client.text('echo up')).toBe('up');
  });
});

describe('bootDelay', () => {
  it('keeps a machine pending, its server not listening, at every boot', async () => {
    const begin = Date.now();
    const [id = ''] = await machines.launch(1, { options: { bootDelay: '300ms' } });
    expect((await machines.look(id)).state).toBe('pending');
    await machines.until(id, 'running');
    expect(Date.now() - begin).toBeGreaterThanOrEqual(300);
    const again = Date.now();
    await machines.provider.reboot([id], cancel);
    await machines.until(id, 'running');
    expect(Date.now() - again).toBeGreaterThanOrEqual(300);
  });

  it('does not hold up a termination', async () => {
    const [id = ''] = await machines.launch(1, { options: { bootDelay: 600_000 } });
    await machines.provider.terminate([id], cancel);
    await machines.until(id, 'terminated');
  });
});

describe('image', () => {
  const image = mkdtempSync(join(tmpdir(), 'plan image-'));
  afterAll(() => rmSync(image, { recursive: true }));

  it('is what a home starts with: content, modes and links', async () => {
    mkdirSync(join(image, 'bin'));
    writeFileSync(join(image, 'bin', 'hello'), '#!/bin/sh\necho hello from "$HOME"\n');
    chmodSync(join(image, 'bin', 'hello'), 0o750);
    chmodSync(join(image, 'bin'), 0o700);
    symlinkSync('bin/hello', join(image, 'link'));
    symlinkSync('/nowhere', join(image, 'broken'));
    const { id } = await machines.one({ image });
    const home = machines.home(id);
    expect(statSync(join(home, 'bin', 'hello')).mode & 0o777).toBe(0o750);
    expect(statSync(join(home, 'bin')).mode & 0o777).toBe(0o700);
    expect(lstatSync(join(home, 'broken')).isSymbolicLink()).toBe(true);
    await using client = await machines.connect(id);
    expect(await client.text('./link; readlink link')).toBe(`hello from ${home}\nbin/hello`);
  });

  it('that cannot be copied ends the machine, and says why', async () => {
    const broken = mkdtempSync(join(tmpdir(), 'plan image-'));
    execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(broken, 'pipe')]);
    const [id = ''] = await machines.launch(1, { image: broken });
    const { reason } = await machines.until(id, 'terminated');
    expect(reason).toContain('Cannot make its home: ');
    rmSync(broken, { recursive: true });
  });
});
