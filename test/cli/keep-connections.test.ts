import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endKeepers, keepersOf } from '../support/keepers.ts';
import { isGone } from '../support/processes.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';
import { until } from '../support/until.ts';
import type { Ran } from './command.ts';
import { plan, workspace } from './command.ts';

const missing = sshdMissing();
const KEPT = { PLAN_KEEP_CONNECTIONS: '1m' };

describe.skipIf(missing !== undefined)(`--keep-connections${missing ? `: ${missing}` : ''}`, () => {
  let sshd: Sshd;
  let space: Awaited<ReturnType<typeof workspace>>;
  let state: string;

  beforeAll(async () => {
    sshd = await startSshd({ address: '0.0.0.0' });
    const { port, privateKey } = sshd.access;
    space = await workspace({
      'plan.yml': JSON.stringify({
        version: 1,
        name: 'fleet',
        providers: { pool: { type: 'hosts', hosts: ['127.0.5.1', '127.0.5.2'] } },
        defaults: { provider: 'pool', ssh: { user: 'root', port, privateKey, hostKey: 'pinFirst' } },
        levels: [{ name: 'only', services: { web: { count: 2, verify: [{ run: 'true' }] } } }],
      }),
    });
    state = join(space.path, '.plan');
    const { code, stderr } = await run(['up', 'plan.yml', '-q']);
    if (code !== 0) throw new Error(stderr);
  });
  afterAll(async () => {
    await run(['down', 'fleet', '--yes', '-q']);
    await endKeepers(state);
    await space[Symbol.asyncDispose]();
    await sshd[Symbol.asyncDispose]();
  });

  function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    return plan(argv, { cwd: space.path, env });
  }
  async function logins(): Promise<number> {
    return [...(await sshd.log()).matchAll(/Accepted publickey/g)].length;
  }

  it('leaves no process behind where it is not asked for', async () => {
    expect(await run(['exec', '*', '--', 'true'])).toMatchObject({ code: 0 });
    expect(keepersOf(state)).toEqual([]);
  });

  it('logs in once for all commands that follow one another', async () => {
    const before = await logins();
    expect(await run(['exec', '*', '--keep-connections', '1m', '--', 'echo', 'fine'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('web-0 | fine') as string,
    });
    const commands = [
      ['exec', '*', '--', 'true'],
      ['ssh', 'web-0', '--', 'true'],
      ['copy', 'plan.yml', 'web-*:there.yml'],
      ['copy', 'web-1:there.yml', 'back.yml'],
      ['verify'],
      ['status', '--refresh'],
    ];
    for (const argv of commands) {
      const { code, stderr } = await run(argv, KEPT);
      expect({ argv, code, stderr: code === 0 ? '' : stderr }).toEqual({ argv, code: 0, stderr: '' });
    }
    expect((await logins()) - before).toBe(2);
    expect(keepersOf(state)).toHaveLength(1);
    expect(await readFile(join(space.path, 'back.yml'), 'utf8')).toContain('fleet');
  });

  it('loads no SSH library where a keeper has it', () => {
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    const script = `
      process.argv.splice(1, 1, ${JSON.stringify(main)});
      process.on('exit', () => {
        const isLoaded = Object.keys(require.cache).some((path) => path.includes('/node_modules/ssh2/'));
        require('fs').writeSync(1, String(isLoaded));
      });
      require(${JSON.stringify(main)});`;
    const args = ['-e', script, 'main', 'exec', 'web-0', '--', 'true'];
    const loads = (more: Readonly<Record<string, string>>): string =>
      execFileSync(process.execPath, args, {
        cwd: space.path,
        env: { ...process.env, ...more },
        encoding: 'utf8',
      });
    expect([loads({}), loads(KEPT)]).toEqual(['true', 'false']);
  });

  it('ends what a command began that is killed', async () => {
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    // It reads for as long as somebody is there.
    const killed = spawn(process.execPath, [main, 'ssh', 'web-0', '--', 'sh', '-c', 'echo $$; exec cat'], {
      cwd: space.path,
      env: { ...process.env, ...KEPT },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [said] = (await once(killed.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    expect(isGone(pid)).toBe(false);
    killed.kill('SIGKILL');
    await until(() => isGone(pid));
    expect(await run(['exec', '*', '--', 'true'], KEPT)).toMatchObject({ code: 0 });
    expect(keepersOf(state)).toHaveLength(1);
  });

  it('refuses what is no duration', async () => {
    expect(await run(['exec', '*', '--', 'true'], { PLAN_KEEP_CONNECTIONS: 'long' })).toMatchObject({
      code: 2,
      stderr: 'Cannot use PLAN_KEEP_CONNECTIONS: "long" is not a duration such as 30s or 10m\n',
    });
  });

  it('keeps no connection to a machine that is given back', async () => {
    expect(await run(['exec', '*', '--', 'true'], KEPT)).toMatchObject({ code: 0 });
    expect(await run(['down', 'fleet', '--yes', '-q'], KEPT)).toMatchObject({ code: 0 });
    await until(() => keepersOf(state).length === 0);
    expect(await run(['up', 'plan.yml', '-q'], KEPT)).toMatchObject({ code: 0 });
    expect(await run(['down', 'fleet', '--yes', '-q'])).toMatchObject({ code: 0 });
    await until(() => keepersOf(state).length === 0);
  });
});
