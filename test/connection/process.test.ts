import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { openConnection } from '../../src/connection/open.ts';
import { createScriptRunner } from '../../src/connection/shell-script-runner.ts';
import { SWITCH } from '../../src/connection/switch-user.ts';
import { isGone } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { connectionContract } from './connection-contract.ts';
import type { ReachableMachine } from './connection-contract.ts';
import { collector, scriptRun } from './script-fixture.ts';

const never = new AbortController().signal;
const options = { signal: never, onHostKey: () => expect.unreachable() };

interface Place extends ReachableMachine {
  readonly directory: string;
  readonly home: string;
}

async function startDirectory(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), "plan process's-"));
  const home = await mkdtemp(join(tmpdir(), 'plan-process-home-'));
  vi.stubEnv('HOME', home);
  return {
    access: { kind: 'process', directory },
    directory,
    home,
    relativeTo: `"${directory}"`,
    async [Symbol.asyncDispose]() {
      vi.unstubAllEnvs();
      for (const path of [directory, home]) await rm(path, { recursive: true, force: true });
    },
  };
}

connectionContract('openProcess()', startDirectory, new Set(['ssh', 'cut']));

describe('a process of this computer', () => {
  let place: Place;
  let connection: Connection;
  beforeEach(async () => {
    place = await startDirectory();
  });
  afterEach(async () => {
    await connection[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  async function open(): Promise<void> {
    connection = await openConnection(place.access, options);
  }
  async function text(command: string): Promise<string> {
    return String((await connection.exec(command, { signal: never })).stdout);
  }
  /** What a script prints, supervised or not. */
  async function printed(how: 'run' | 'attempt', ...given: Parameters<typeof scriptRun>): Promise<string> {
    const output = collector();
    const run = { signal: never, onOutput: output.onOutput };
    await createScriptRunner()[how](connection, scriptRun(...given), run);
    return output.text();
  }

  it("starts in the directory of the access, with the caller's environment", async () => {
    vi.stubEnv('CALLERS', "it's\nmine");
    await open();
    expect(await text('pwd; echo "$HOME"; printf %s "$CALLERS"')).toBe(
      `${place.directory}\n${place.home}\nit's\nmine`,
    );
  });

  it.each(['run', 'attempt'] as const)(
    "lets %s() give a script the caller's whole environment, whatever its names",
    async (how) => {
      const own = { name: 'n 1', base: "b'2", work: 'w', path: 'p', state: 's\n3', group: 'g', NAME: 'N' };
      for (const [name, value] of Object.entries({ ...own, LATER: 'caller', line: 'caller' }))
        vi.stubEnv(name, value);
      await open();
      const names = [...Object.keys(own), 'HOME', 'LATER', 'line'];
      const command = names.map((name) => `printf '%s|' "$${name}"`).join('\n');
      const env = { LATER: 'service', line: 'service' };
      expect(await printed(how, `${command}\necho "$(pwd)"`, { env })).toBe(
        `${[...Object.values(own), place.home, 'service', 'service', ''].join('|')}${place.directory}/.plan/d-1/work\n`,
      );
      expect(await printed(how, 'env | grep -E "^PLAN_" | cut -d= -f1 | sort', { env })).toBe(
        how === 'run' ? 'PLAN_ATTRIBUTES\nPLAN_OUTPUT\n' : 'PLAN_ATTRIBUTES\n',
      );
    },
  );

  it('gives a script no home where the caller has none', async () => {
    vi.stubEnv('HOME', undefined);
    await open();
    expect(await printed('run', 'echo "${HOME-none}"')).toBe('none\n');
  });

  it("puts the files of a script where they belong: ~ is the caller's home", async () => {
    await open();
    const files = [
      { path: '~/.config/app', mode: 0o600, bytes: Buffer.from('home') },
      { path: 'conf', mode: 0o640, bytes: Buffer.from('work') },
      { path: '~/large', mode: 0o600, bytes: Buffer.alloc(200_000, 'x') },
    ];
    expect(await printed('run', 'cat ~/.config/app conf; wc -c <~/large', { files })).toBe(
      'homework200000\n',
    );
    expect(await readFile(join(place.home, '.config/app'), 'utf8')).toBe('home');
    expect((await stat(join(place.home, 'large'))).size).toBe(200_000);
    await connection.upload([{ path: '~/up', mode: 0o4755, bytes: Buffer.from('u') }], { signal: never });
    expect((await stat(join(place.home, 'up'))).mode & 0o7777).toBe(0o4755);
  });

  it('hangs up on a command that is cancelled, and cancels files and forwards', async () => {
    await open();
    const controller = new AbortController();
    const reason = new Error('enough');
    const pid = collector();
    const aborted = connection.exec('echo $$; exec sleep 60', {
      signal: controller.signal,
      onStdout(chunk) {
        pid.onOutput(chunk);
        controller.abort(reason);
      },
    });
    await expect(aborted).rejects.toBe(reason);
    await until(() => isGone(Number(pid.text())));
    const { signal } = controller;
    const file = { path: 'x', mode: 0o600, bytes: Buffer.alloc(0) };
    await expect(connection.upload([file], { signal })).rejects.toBe(reason);
    await expect(connection.download('x', { signal })).rejects.toBe(reason);
    await expect(connection.forward({ host: '127.0.0.1', port: 1 }, { signal })).rejects.toBe(reason);
    const late = new AbortController();
    const forward = connection.forward({ host: '192.0.2.1', port: 9 }, { signal: late.signal });
    late.abort(reason);
    await expect(forward).rejects.toBe(reason);
  });

  it('leaves alone what a cancelled command started, which may be a script', async () => {
    await open();
    const controller = new AbortController();
    const pid = collector();
    const aborted = connection.exec('sleep 60 & echo $!; wait', {
      signal: controller.signal,
      onStdout(chunk) {
        pid.onOutput(chunk);
        controller.abort(new Error('enough'));
      },
    });
    await expect(aborted).rejects.toThrow('enough');
    expect(isGone(Number(pid.text()))).toBe(false);
    process.kill(Number(pid.text()));
  });

  it('cannot work where there is no directory, or none any more', async () => {
    await open();
    await rm(place.directory, { recursive: true });
    await expect(openConnection(place.access, options)).rejects.toMatchObject({
      problem: 'unreachable',
      message: `Cannot work in "${place.directory}": there is no such directory`,
    });
    await expect(connection.exec('true', { signal: never })).rejects.toMatchObject({
      problem: 'failed',
      message: /^Cannot run a command in ".*": .*ENOENT/,
    });
  });

  it('says when a command cannot be started at all', async () => {
    await open();
    for (const command of ['a\0b', `: ${'x'.repeat(200_000)}`])
      await expect(connection.exec(command, { signal: never })).rejects.toMatchObject({
        problem: 'failed',
        message: /^Cannot run a command in /,
      });
  });

  it('lets a script outlive a plan that is killed, and finds it again', async () => {
    await open();
    const given = scriptRun(
      'echo begun; echo $PPID >supervisor; until [ -e go ]; do sleep 0.05; done; echo a=b >>"$PLAN_OUTPUT"; echo done',
    );
    const dist = join(import.meta.dirname, '../../dist/connection');
    const program = `
      import { openConnection } from ${JSON.stringify(join(dist, 'open.js'))};
      import { createScriptRunner } from ${JSON.stringify(join(dist, 'shell-script-runner.js'))};
      const run = JSON.parse(process.argv[1], (key, value) => value?.type === 'Buffer' ? Buffer.from(value.data) : value);
      const signal = new AbortController().signal;
      const connection = await openConnection(${JSON.stringify(place.access)}, { signal, onHostKey() {} });
      await createScriptRunner().run(connection, run, { signal, onOutput: (chunk) => process.stdout.write(chunk) });`;
    const plan = spawn(process.execPath, ['--input-type=module', '-e', program, JSON.stringify(given)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(plan.stdout, 'data');
    plan.kill('SIGKILL');
    await once(plan, 'exit');
    const work = join(place.directory, '.plan/d-1/work');
    expect(isGone(Number(await readFile(join(work, 'supervisor'), 'utf8')))).toBe(false);

    const output = collector();
    const attached = createScriptRunner().attach(connection, given, {
      signal: never,
      onOutput: output.onOutput,
    });
    await connection.upload([{ path: join(work, 'go'), mode: 0o600, bytes: Buffer.alloc(0) }], {
      signal: never,
    });
    expect(await attached).toEqual({ kind: 'exited', exitCode: 0, outputs: Buffer.from('a=b\n') });
    expect(output.text()).toBe('begun\ndone\n');
  });
});

describe('changing users on this computer', () => {
  let bin: string;
  beforeEach(async () => {
    bin = await mkdtemp(join(tmpdir(), 'plan-bin-'));
    const fake = {
      id: 'case $1 in -un) echo "$ME" ;; *) echo "$MY_ID" ;; esac',
      sudo: 'echo sudo "$@"',
      runuser: 'echo runuser "$@" at "${PLAN_HOME-home}${PLAN_RESTORE-}"',
      sh: 'echo sh "$@" at "$PLAN_HOME"',
    };
    for (const [name, text] of Object.entries(fake))
      await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  });
  afterEach(() => rm(bin, { recursive: true }));

  function change(me: string, user: string, root: '' | 'root'): string {
    const id = me === 'root' ? '0' : '1000';
    const env = { PATH: bin, ME: me, MY_ID: id, HOME: '/', PLAN_HOME: '/the place', PLAN_RESTORE: 'HOME=/' };
    return execFileSync('/bin/sh', ['-c', SWITCH, 'sh', user, root, 'sh', '-s'], { env }).toString();
  }

  it('tells root by sudo where the work directory is, unless it is somebody else', () => {
    expect(change('ann', '', 'root')).toBe('sudo -n -H -- env PLAN_WORK=/the place sh -s ann\n');
    expect(change('ann', 'web', 'root')).toBe('sudo -n -H -- sh -s web\n');
    expect(change('root', '', 'root')).toBe('sh -s at /the place\n');
  });

  it('has another user work in their own home', () => {
    expect(change('root', 'daemon', '')).toBe('runuser -u daemon -- sh -s at home\n');
    expect(change('ann', 'web', '')).toBe('sudo -n -H -u web -- sh -s\n');
  });
});
