import { chmod, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../../src/api/deployment.ts';
import type { FleetEvent } from '../../src/api/fleet-work.ts';
import { openState } from '../../src/api/open-state.ts';
import type { ExecEnd } from '../../src/api/perform-exec.ts';
import type { State } from '../../src/api/state.ts';
import { UsageError } from '../../src/errors.ts';
import { workspace } from '../cli/command.ts';
import { isGone } from '../support/processes.ts';

const PLAN = `
version: 1
name: small
inputs: { token: { sensitive: true } }
levels:
  - name: only
    services:
      web:
        count: 2
        env: { TOKEN: "{{inputs.token}}" }
        bootstrap: { run: 'echo "key=sesame-open" >>"$PLAN_OUTPUT"' }
        outputs: { key: { sensitive: true } }
`;

const INPUTS = { inputs: { token: 'hush-hush' } };

let space: Awaited<ReturnType<typeof workspace>>;
let state: State;
let deployment: Deployment;

beforeAll(async () => {
  space = await workspace({ 'plan.yml': PLAN });
  state = await openState({ cwd: space.path });
  const { outcome } = await state.up('plan.yml', INPUTS);
  if (outcome !== 'succeeded') throw new Error(outcome);
  deployment = await state.deployment();
});

afterAll(async () => {
  await deployment.down({ skipTeardown: true });
  await state[Symbol.asyncDispose]();
  await space[Symbol.asyncDispose]();
});

describe('deployment.exec()', () => {
  it('tells the machines, who begins and who ended, in order', async () => {
    const operation = deployment.exec('web', 'echo "$0 on $(basename "$PWD" | cut -c1-5)"', { serial: true });
    const events: FleetEvent<ExecEnd>[] = [];
    for await (const event of operation) events.push(event);
    expect(
      events.map((event) => ('machine' in event ? `${event.type} ${event.machine}` : event.type)),
    ).toEqual(['selected', 'began web-0', 'ended web-0', 'began web-1', 'ended web-1']);
    const { succeeded, machines } = await operation;
    expect(succeeded).toBe(true);
    expect(machines.map(({ machine, outcome }) => [machine, outcome.kind])).toEqual([
      ['web-0', 'ended'],
      ['web-1', 'ended'],
    ]);
  });

  it('reads no more than it is asked to', async () => {
    const got: number[] = [];
    let pending = 0;
    const { machines } = await deployment.exec('web-0', 'head -c 3000000 /dev/zero', {
      keep: 10,
      async onOutput(_machine, _stream, chunk) {
        pending += 1;
        expect(pending).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        pending -= 1;
        got.push(chunk.length);
      },
      ...INPUTS,
    });
    expect(got.reduce((sum, length) => sum + length, 0)).toBe(3_000_000);
    expect(machines[0]?.outcome).toMatchObject({
      kind: 'ended',
      value: { exitCode: 0, stdout: Buffer.alloc(10), isTruncated: true },
    });
  });

  it('logs what is printed with all that is sensitive hidden, where all of that is known', async () => {
    const line = 'echo "hush-hush sesame-open plain"';
    const { logs } = await deployment.exec('*', line, INPUTS);
    const names = logs === null ? [] : (await readdir(logs)).toSorted();
    expect(names).toEqual(['web-0.log', 'web-1.log']);
    expect(await readFile(join(logs ?? '', 'web-0.log'), 'utf8')).toMatch(
      /^\*\*\* \*\*\* plain\n\[exit code 0, /,
    );
    expect((await deployment.exec('*', line)).logs).toBeNull();
    expect((await deployment.exec('*', 'true', INPUTS)).logs).toBeNull();
  });

  it('warns once, and goes on, when no log can be written', async () => {
    const logs = join(space.path, '.plan', 'logs');
    const [own = ''] = await readdir(logs);
    const place = join(logs, own, 'exec');
    await rm(place, { recursive: true, force: true });
    await writeFile(place, 'in the way');
    const warnings: string[] = [];
    const { succeeded, logs: kept } = await deployment.exec('*', 'echo one', {
      ...INPUTS,
      onEvent(event) {
        if (event.type === 'warning') warnings.push(event.message);
      },
    });
    expect({ succeeded, kept, warnings }).toEqual({
      succeeded: true,
      kept: null,
      warnings: [
        expect.stringMatching(/^Cannot remove old logs in ".*exec": a file is in the way/) as string,
      ],
    });
    await rm(place);
  });

  it('runs scripts of this computer, found from where the state is used', async () => {
    await mkdir(join(space.path, 'bin'), { recursive: true });
    await writeFile(join(space.path, 'bin', 'it.sh'), 'echo "it $1"; exit 5\n');
    await chmod(join(space.path, 'bin', 'it.sh'), 0o644);
    const { succeeded, machines } = await deployment.exec('web-1', { script: 'bin/it.sh', args: ['is'] });
    expect(succeeded).toBe(false);
    expect(machines[0]?.outcome).toMatchObject({ value: { exitCode: 5, stdout: Buffer.from('it is\n') } });
  });

  it('ends the commands when it is cancelled, and tells what became of all', async () => {
    const cancel = new AbortController();
    let pid = 0;
    const { machines } = await deployment.exec('*', 'echo $$; sleep 600', {
      signal: cancel.signal,
      serial: true,
      onOutput(_machine, _stream, chunk) {
        pid = Number(chunk.toString());
        cancel.abort();
      },
    });
    expect(machines.map(({ outcome }) => outcome)).toEqual([
      { kind: 'interrupted' },
      { kind: 'skipped', why: 'it was interrupted before' },
    ]);
    expect(isGone(pid)).toBe(true);
  });

  it('rejects what means no machine, and what cannot be a command, before any is reached', async () => {
    const reasons: Promise<unknown>[] = [
      deployment.exec('db', 'true').result,
      deployment.exec([], 'true').result,
      deployment.exec(() => false, 'true').result,
      deployment.exec('web', []).result,
      deployment.exec('web', ['true', 'a\0b']).result,
      deployment.exec('web', { script: '.' }).result,
      deployment.exec('web', 'true', { user: '-x' }).result,
    ];
    for (const reason of reasons) await expect(reason).rejects.toBeInstanceOf(UsageError);
  });
});
