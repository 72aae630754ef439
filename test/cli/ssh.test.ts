import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { BUSYBOX, dockerMissing, startDocker } from '../support/docker.ts';
import type { TestDocker } from '../support/docker.ts';
import type { Sshd } from '../support/sshd.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import { startTmux, tmuxMissing } from '../support/tmux.ts';
import type { Tmux } from '../support/tmux.ts';
import { plan, workspace } from './command.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const run = promisify(execFile);
const missing = tmuxMissing() ?? sshdMissing();

/** What no shell may touch. */
const WORDS = ['a  b', "it's", '$HOME `id`', '"', 'two\nlines', 'größe', '*', '', '\\', '-n', '~', '!x'];

let space: Awaited<ReturnType<typeof workspace>>;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program, its streams being pipes. `path`: where it finds others. */
async function program(
  argv: readonly string[],
  { input = '', path = process.env['PATH'] ?? '' }: { readonly input?: string; readonly path?: string } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    cwd: space.path,
    env: { ...process.env, PATH: path },
  });
  child.stdin.end(input);
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk: string) => (out[name] += chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...out };
}

async function terminal(argv: readonly string[], path = process.env['PATH'] ?? ''): Promise<Tmux> {
  const words = [process.execPath, MAIN, ...argv].map((word) => `'${word}'`).join(' ');
  const after = `echo "plan ended with $?"; stty -a | tr ' ;' '\\n\\n' | grep -xe 'icanon' -e '-icanon'`;
  const tmux = await startTmux(`PATH='${path}' ${words}; ${after}`, space.path);
  onTestFinished(() => tmux[Symbol.asyncDispose]());
  return tmux;
}

/** What people do in a terminal. */
async function workIn(tmux: Tmux): Promise<void> {
  await tmux.shows(/[#$>]$/);
  await tmux.line('PS1="no""w> "');
  await tmux.shows(/now>$/);
  await tmux.line('stty size; echo "TERM is $TERM"');
  await tmux.shows(/^30 100\nTERM is screen/m);
  await tmux.line('until stty size | grep "20 70"; do sleep 0.05; done; echo "seen $((40+2))"');
  await tmux.resize(70, 20);
  await tmux.shows(/^seen 42$/m);
  await tmux.line('clear; sh -c "echo asleep \\$((40+3)); exec sleep 1000"');
  await tmux.shows(/^asleep 43$/m);
  await tmux.press('C-c');
  await tmux.shows(/\^C\s*now>$/);
  await tmux.line('echo "alive $((40+4))"');
  await tmux.shows(/^alive 44$/m);
  await tmux.line('clear; exit 7');
  await tmux.shows(/^plan ended with 7\nicanon$/m);
}

describe.skipIf(missing !== undefined)(`plan ssh${missing ? `: ${missing}` : ''}`, () => {
  let first: Sshd;
  let second: Sshd;

  beforeAll(async () => {
    first = await startSshd();
    second = await startSshd({ privateKey: first.access.privateKey ?? '' });
    const login = `privateKey: "${first.access.privateKey ?? ''}", hostKey: pinFirst`;
    const gate = `root@127.0.0.1:${first.access.port}`;
    space = await workspace({
      'all.yml': `version: 1
name: all
providers:
  gate: { type: hosts, hosts: [ { address: 127.0.0.1, port: ${first.access.port}, user: root } ] }
  behind: { type: hosts, hosts: [ { address: 127.0.0.1, port: ${second.access.port}, user: root } ] }
levels:
  - name: all
    services:
      here: { provider: local, count: 2 }
      box: { provider: gate, ssh: { ${login} } }
      far: { provider: behind, ssh: { ${login}, jump: "${gate},root@127.0.0.1:${second.access.port}" } }
      mine: { provider: operator }
`,
    });
    const up = await plan(['up', 'all.yml', '--yes'], { cwd: space.path });
    expect(up.code, up.stderr).toBe(0);
  });
  afterAll(async () => {
    const down = await plan(['down', 'all', '--yes'], { cwd: space.path });
    await space[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    expect(down.code, down.stderr).toBe(0);
  });

  describe('in a real terminal', () => {
    it("over the system's ssh", async () => {
      await workIn(await terminal(['ssh', 'box-0']));
    });

    it('over a connection of its own, where there is no ssh', async () => {
      await workIn(await terminal(['ssh', 'box-0'], '/nowhere'));
    });

    it('through hosts between, by either', async () => {
      await workIn(await terminal(['ssh', 'far-0']));
      await workIn(await terminal(['ssh', 'far-0'], '/nowhere'));
    });

    it('on a local machine, by either', async () => {
      await workIn(await terminal(['ssh', 'here-0']));
      await workIn(await terminal(['ssh', 'here-1'], '/nowhere'));
    });

    it('on this computer', async () => {
      await workIn(await terminal(['ssh', 'mine-0', '--', 'sh']));
    });

    it('is as it was before when the connection breaks', async () => {
      const tmux = await terminal(['ssh', 'box-0', '--own-connection']);
      await tmux.shows(/[#$>]$/);
      await tmux.line('kill -9 $PPID');
      await tmux.shows(/Cannot go on with[^]*^plan ended with 255\nicanon$/m);
    });

    it('is left by ~. at the beginning of a line', async () => {
      const tmux = await terminal(['ssh', 'box-0', '--own-connection', '--', 'cat']);
      await tmux.line('is ~. there');
      await tmux.shows(/(is ~\. there\s+){2}/);
      await tmux.line('~~.');
      await tmux.shows(/(~\.\s+){2}$|~\.\n~\.$/);
      await tmux.line('~.');
      await tmux.shows(/Left "box-0"\.\nplan ended with 255\nicanon$/m);
    });
  });

  describe.each([
    ["the system's ssh", process.env['PATH'] ?? ''],
    ['a connection of its own', '/nowhere'],
  ])('over %s', (_which, path) => {
    it('passes words byte for byte, outputs apart and exit codes on', async () => {
      for (const machine of ['box-0', 'here-0', 'far-0']) {
        const words = ['sh', '-c', 'printf "<%s>" "$@"; echo err >&2; exit 9', 'sh', ...WORDS];
        const ended = await program(['ssh', machine, '--', ...words], { path });
        expect(ended.stdout).toBe(WORDS.map((word) => `<${word}>`).join(''));
        expect([ended.code, ended.stderr]).toEqual([9, 'err\n']);
      }
    });

    it('ends when nobody reads what a command prints', async () => {
      for (const machine of ['box-0', 'here-0', 'mine-0']) {
        const line = `{ "$0" "$1" ssh ${machine} --own-connection -- yes; echo "code $?" >&2; } | head -1`;
        const ran = await run('sh', ['-c', line, process.execPath, MAIN], { cwd: space.path });
        expect(ran).toEqual({ stdout: 'y\n', stderr: 'code 141\n' });
      }
    });

    it('gives a command its input', async () => {
      const input = 'x'.repeat(300_000);
      const ended = await program(['ssh', 'box-0', '--', 'wc', '-c'], { input, path });
      expect(ended).toMatchObject({ code: 0, stdout: '300000\n' });
    });

    it('gives the login shell what is no terminal', async () => {
      const ended = await program(['ssh', 'box-0'], { input: 'echo "$((40+2))"; exit 5\n', path });
      expect([ended.code, ended.stdout.split('\n').includes('42')]).toEqual([5, true]);
    });

    it('gives a terminal with -t whatever stdin is', async () => {
      const ended = await program(['ssh', 'box-0', '-t', '--', 'sh', '-c', 'tty; exit 6'], { path });
      expect(ended.code).toBe(6);
      expect(ended.stdout).toMatch(/^\/dev\/pts\/\d+\r\n/);
    });

    it('becomes another user', async () => {
      const ended = await program(['ssh', 'box-0', '--user', 'nobody', '--', 'id', '-un'], { path });
      expect([ended.code, ended.stdout]).toEqual([0, 'nobody\n']);
      const shell = await program(['ssh', 'box-0', '--user', 'nobody'], { input: 'id -un\n', path });
      expect(shell.stdout).toContain('nobody\n');
    });
  });

  it('runs commands on this computer with its environment', async () => {
    const ended = await program([
      'ssh',
      'mine-0',
      '--',
      'sh',
      '-c',
      'echo "$HOME ${PLAN_HOME-none}"; exit 4',
    ]);
    expect([ended.code, ended.stdout]).toEqual([4, `${process.env['HOME'] ?? ''} none\n`]);
  });

  it('--print prints what can be pasted', async () => {
    const { stdout, code } = await program(['ssh', 'far-0', '--print', '--', 'printf', '<%s>', ...WORDS]);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/StrictHostKeyChecking=no/);
    const pasted = await run('bash', ['-c', stdout], { env: { ...process.env, HOME: space.path } });
    expect(pasted.stdout).toBe(WORDS.map((word) => `<${word}>`).join(''));
    const none = await program(['ssh', 'mine-0', '--print']);
    expect([none.code, none.stderr]).toEqual([
      2,
      'Cannot print an ssh command for "mine-0": it is this computer itself, which is not reached by ssh\n',
    ]);
  });

  it('lets in nobody else who has the address', async () => {
    const known = join(space.path, '.plan/ssh/all/known_hosts');
    const { stdout } = await program(['ssh', 'box-0', '--print', '--', 'echo', 'in']);
    writeFileSync(known, `box-0 ${second.access.hostKey ?? ''}\n`);
    const refused = run('sh', ['-c', stdout]);
    await expect(refused).rejects.toMatchObject({
      code: 255,
      stderr: expect.stringContaining('REMOTE HOST IDENTIFICATION HAS CHANGED') as unknown,
    });
    expect((await program(['ssh', 'box-0', '--', 'echo', 'in'])).stdout).toBe('in\n');
  });

  it('has a local machine served again whose host is gone', async () => {
    for (const flags of [[], ['--own-connection']]) {
      const host = readFileSync(join(space.path, '.plan/machines/host.json'), 'utf8');
      process.kill((JSON.parse(host) as { readonly pid: number }).pid, 'SIGKILL');
      const ended = await program(['ssh', 'here-0', ...flags, '--', 'echo', 'there']);
      expect([ended.code, ended.stdout]).toEqual([0, 'there\n']);
    }
  });

  it('says what is wrong with how it is asked', async () => {
    const codes = [];
    for (const argv of [
      ['ssh', 'nothing'],
      ['ssh', 'here'],
      ['ssh', 'box-0', '--', ''],
    ])
      codes.push(await program(argv));
    expect(codes.map(({ code, stderr }) => [code, stderr.split('\n')[0]])).toEqual([
      [2, expect.stringContaining('"nothing"')],
      [2, 'Cannot choose a machine: "here" means "here-0", "here-1"'],
      [2, 'Cannot run a command: its name is empty'],
    ]);
    await plan(['stop', 'here-1', '--yes'], { cwd: space.path });
    const stopped = await program(['ssh', 'here-1', '--', 'true']);
    await plan(['start', 'here-1', '--yes'], { cwd: space.path });
    expect([stopped.code, stopped.stderr]).toEqual([255, expect.stringContaining('it is stopped')]);
  });

  describe('plan ssh-config', () => {
    it('writes what ssh and scp use, and says what they cannot reach', async () => {
      const { stdout, code } = await program(['ssh-config']);
      expect(code).toBe(0);
      expect(stdout).toContain('# mine-0: it is this computer itself, which is not reached by ssh\n');
      const directory = mkdtempSync(join(tmpdir(), 'plan ssh-'));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      const file = join(directory, 'config');
      writeFileSync(file, stdout);
      const { stdout: read } = await run('ssh', ['-G', '-F', file, 'box-0']);
      for (const line of [
        'hostname 127.0.0.1',
        `port ${first.access.port}`,
        'user root',
        'hostkeyalias box-0',
        'stricthostkeychecking true',
        'identitiesonly yes',
        `identityfile ${first.access.privateKey ?? ''}`,
      ])
        expect(read.split('\n')).toContain(line);
      for (const machine of ['box-0', 'far-0', 'here-0'])
        expect((await run('ssh', ['-F', file, machine, 'echo "is $((40+2))"'])).stdout).toBe('is 42\n');
      await run('scp', ['-O', '-F', file, file, 'far-0:copied']);
      expect((await run('ssh', ['-F', file, 'far-0', 'cat copied'])).stdout).toBe(stdout);
    });

    it('writes the selected machines, for programs too', async () => {
      const { stdout } = await program(['ssh-config', 'here', '--exclude', 'here-1']);
      expect(stdout.match(/^Host .*$/gm)).toEqual(['Host here-0']);
      const json = JSON.parse((await program(['ssh-config', 'box', 'mine', '--json'])).stdout) as object;
      expect(json).toMatchObject({
        format: 1,
        deployment: 'all',
        knownHosts: join(space.path, '.plan/ssh/all/known_hosts'),
        machines: [
          { kind: 'ssh', name: 'box-0', options: expect.arrayContaining([['User', 'root']]) as unknown },
          { kind: 'none', name: 'mine-0', why: expect.any(String) as unknown },
        ],
      });
    });
  });
});

const noDocker = tmuxMissing() ?? dockerMissing();

describe.skipIf(noDocker !== undefined)(`plan ssh to a container${noDocker ? `: ${noDocker}` : ''}`, () => {
  let docker: TestDocker;

  beforeAll(async () => {
    docker = await startDocker([BUSYBOX]);
    vi.stubEnv('DOCKER_HOST', docker.address);
    space = await workspace({
      'box.yml': `version: 1
name: box
providers: { boxes: { type: docker } }
levels: [ { name: all, services: { web: { provider: boxes, image: "${BUSYBOX}" } } } ]
`,
    });
    const up = await plan(['up', 'box.yml', '--yes'], { cwd: space.path });
    expect(up.code, up.stderr).toBe(0);
  });
  afterAll(async () => {
    await plan(['down', 'box', '--yes'], { cwd: space.path });
    vi.unstubAllEnvs();
    await docker[Symbol.asyncDispose]();
    await space[Symbol.asyncDispose]();
  });

  it('gives a real terminal', async () => {
    await workIn(await terminal(['ssh', 'web-0']));
  });

  it('passes words, input and exit codes on', async () => {
    const words = ['sh', '-c', 'printf "<%s>" "$@"; cat; exit 9', 'sh', ...WORDS];
    const ended = await program(['ssh', 'web-0', '--', ...words], { input: 'end' });
    expect([ended.code, ended.stdout]).toEqual([9, `${WORDS.map((word) => `<${word}>`).join('')}end`]);
    const config = await program(['ssh-config']);
    expect(config.stdout).toBe('# web-0: it is a container, which is not reached by ssh\n');
  });
});
