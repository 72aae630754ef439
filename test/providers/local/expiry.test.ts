import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeHosting } from '../../../src/providers/local/hosting-lock.ts';
import { createLocalProvider } from '../../../src/providers/local/local.ts';
import { machinesDirectory } from '../../../src/providers/local/paths.ts';
import { cancel, createLocalMachines } from '../../support/local-machines.ts';
import type { LocalMachines } from '../../support/local-machines.ts';
import { isGone } from '../../support/processes.ts';
import { until } from '../../support/until.ts';

const HOUR = 3_600_000;

let machines: LocalMachines;

async function startDaemon(id: string): Promise<number> {
  await using client = await machines.connect(id);
  await client.run(
    '(setsid sh -c "printf \\$\\$ >pid.new; mv pid.new pid; exec sleep 300" </dev/null >/dev/null 2>&1 &)',
  );
  const path = join(machines.home(id), 'pid');
  await until(() => existsSync(path));
  return Number(readFileSync(path, 'utf8'));
}

/** As if no host had lived for so long. */
function passTime(): void {
  const hosting = takeHosting(machinesDirectory(machines.stateDirectory));
  if (hosting === undefined) throw new Error('Cannot pass time: a host lives');
  hosting.update(hosting.machines.map((machine) => ({ ...machine, expiresAt: Date.now() - 1 })));
  hosting.release({ erase: false });
}

describe('machines whose time is over', () => {
  beforeEach(async () => {
    machines = await createLocalMachines({ inProcess: true });
  });
  afterEach(() => machines[Symbol.asyncDispose]());

  it('end by themselves, and say why', async () => {
    const [id = ''] = await machines.launch(1, { expiresAt: Date.now() + 300 });
    const [other = ''] = await machines.launch(1);
    const { reason } = await machines.until(id, 'terminated');
    expect(reason).toBe('the time of its deployment is over');
    expect(existsSync(machines.home(id))).toBe(false);
    expect((await machines.look(other)).state).toBe('running');
  });

  it('are given more time, or all of it', async () => {
    const [first = '', second = ''] = await machines.launch(2, { expiresAt: Date.now() + HOUR });
    const { provider } = machines;
    const end = Date.now() + 300;
    expect(await provider.expire?.([first, 'local-none'], null, cancel)).toEqual(
      new Map([
        [first, { kind: 'accepted' }],
        ['local-none', { kind: 'cannot', why: 'there is no such machine' }],
      ]),
    );
    await provider.expire?.([second], end, cancel);
    await machines.until(second, 'terminated');
    expect(Date.now()).toBeGreaterThanOrEqual(end);
    expect((await machines.look(first)).state).toBe('running');
    await provider.expire?.([first], Date.now() - 1, cancel);
    await machines.until(first, 'terminated');
  });
});

describe('machines whose operator is gone', () => {
  beforeEach(async () => {
    machines = await createLocalMachines({ inProcess: false });
  });
  afterEach(() => machines[Symbol.asyncDispose]());

  it('end when their time is over, with all that was started on them, and the host after the last one', async () => {
    const { id } = await machines.one();
    const daemon = await startDaemon(id);
    const host = machines.hostPid();
    const home = machines.home(id);
    const expiresAt = Date.now() + 1_500;
    await machines.provider.expire?.([id], expiresAt, cancel);
    await machines.provider.close();
    expect(isGone(daemon) && Date.now() < expiresAt).toBe(false);
    await until(() => isGone(daemon) && isGone(host));
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt);
    expect(existsSync(home)).toBe(false);
    const another = createLocalProvider({ stateDirectory: machines.stateDirectory });
    expect(await another.list({}, cancel)).toEqual([]);
    await another.close();
  });

  it('end as soon as there is a host again that was killed before', async () => {
    const { id } = await machines.one({ expiresAt: Date.now() + HOUR });
    const host = machines.hostPid();
    process.kill(host, 'SIGKILL');
    await until(() => isGone(host));
    passTime();
    await machines.until(id, 'terminated');
    expect(existsSync(machines.home(id))).toBe(false);
  });
});
