import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConnectionError } from '../../src/connection/connection.ts';
import type { Connection } from '../../src/connection/connection.ts';
import { openConnection } from '../../src/connection/open.ts';
import type { ScriptRun } from '../../src/connection/script-runner.ts';
import { createScriptRunner } from '../../src/connection/shell-script-runner.ts';
import { collector, script, scriptRun } from './script-fixture.ts';
import { OPENSSH, PROCESSES } from './script-machine.ts';
import type { ScriptMachine } from './script-machine.ts';

const never = new AbortController().signal;
const shells = [['dash'], ['busybox', 'sh'], ['bash', '--posix']].filter(([name]) =>
  (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, name ?? ''))),
);

const kinds = [
  { ...OPENSSH, shells },
  { ...PROCESSES, shells: shells.slice(0, 1) },
];

for (const { name: kind, missing, start, shells: tried } of kinds) {
  describe.skipIf(missing !== undefined)(
    `createScriptRunner() over ${kind}${missing ? `: ${missing}` : ''}`,
    () => {
      let machine: ScriptMachine;
      let connection: Connection;
      beforeAll(async () => {
        machine = await start();
        connection = await openConnection(machine.access, { signal: never, onHostKey: () => undefined });
      });
      afterAll(async () => {
        await connection[Symbol.asyncDispose]();
        await machine[Symbol.asyncDispose]();
      });

      function at(path: string): string {
        return join(machine.directory, '.plan/d-1', path);
      }
      /** Waits until a command on the machine succeeds. */
      async function until(command: string): Promise<void> {
        const { exitCode } = await connection.exec(
          `for i in $(seq 200); do ${command} && exit; sleep 0.02; done; exit 1`,
          {
            signal: never,
          },
        );
        expect(exitCode, command).toBe(0);
      }
      async function alive(pidFile: string): Promise<boolean> {
        const pid = (await readFile(at(pidFile), 'utf8')).trim();
        const { exitCode } = await connection.exec(`grep -q "^State:.[^Z]" /proc/${pid}/status`, {
          signal: never,
        });
        return exitCode === 0;
      }

      describe.each(tried)('under %s %s', (...shell) => {
        const runner = createScriptRunner({ shell: shell.filter((word) => typeof word === 'string') });
        async function run(text: string | Buffer, change: Partial<ScriptRun> = {}) {
          const output = collector();
          const end = await runner.run(connection, scriptRun(text, change), {
            signal: never,
            onOutput: output.onOutput,
          });
          return { end, log: output.bytes() };
        }
        async function attempt(text: string | Buffer, change: Partial<ScriptRun> = {}) {
          const output = collector();
          const end = await runner.attempt(connection, scriptRun(text, change), {
            signal: never,
            onOutput: output.onOutput,
          });
          return { end, log: output.bytes() };
        }

        it('run() runs a script once, in the work directory, and brings back log, exit code and outputs', async () => {
          const given = scriptRun(
            'pwd; echo err >&2; printf "a=1\\n" >>"$PLAN_OUTPUT"; cat "$PLAN_ATTRIBUTES"; echo x >>once',
          );
          for (const round of ['first', 'again']) {
            const output = collector();
            const end = await runner.run(connection, given, { signal: never, onOutput: output.onOutput });
            expect(end, round).toEqual({ kind: 'exited', exitCode: 0, outputs: Buffer.from('a=1\n') });
            expect(output.text(), round).toBe(`${at('work')}\nerr\n{"self":{}}`);
          }
          expect(await readFile(at('work/once'), 'utf8')).toBe('x\n');
          await connection.exec(`rm ${at('work/once')}`, { signal: never });
        });

        it('run() reports exit codes, and no outputs of a script that fails', async () => {
          expect((await run('echo a=1 >>"$PLAN_OUTPUT"; exit 3')).end).toEqual({
            kind: 'exited',
            exitCode: 3,
            outputs: null,
          });
          expect((await run('kill -9 $$')).end).toMatchObject({ exitCode: 137 });
          expect((await run('kill -TERM $$')).end).toMatchObject({ exitCode: 143 });
          expect((await run('exit 126')).end).toMatchObject({ exitCode: 126 });
          expect((await run('exit 0', { outputs: false })).end).toEqual({
            kind: 'exited',
            exitCode: 0,
            outputs: null,
          });
        });

        it('run() follows a slow script and passes every byte on once and in order', async () => {
          const { end, log } = await run(
            'for i in 1 2 3 4 5 6; do echo "line $i"; sleep 0.1; done; printf "no newline"',
          );
          expect(log.toString()).toBe('line 1\nline 2\nline 3\nline 4\nline 5\nline 6\nno newline');
          expect(end).toMatchObject({ exitCode: 0 });
        });

        it('run() passes binary and large logs on byte for byte, fast or slow', async () => {
          const fast = await run(
            'i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i+1)); done',
          );
          expect(fast.log.equals(Buffer.from(Array.from({ length: 256 }, (_, i) => i)))).toBe(true);
          const slow = await run('seq 1 200000; sleep 0.4; seq 200001 400000');
          expect(slow.log.toString('latin1')).toBe(
            Array.from({ length: 400_000 }, (_, i) => `${i + 1}\n`).join(''),
          );
        });

        it('run() gives a script the environment of a login, /dev/null to read, and nothing else of its own', async () => {
          const { log } = await run(
            'env; echo "stdin $(cat | wc -c)"; umask; ls -l /proc/$$/fd >fds; grep -c " [0-9] -> pipe:" fds; rm fds; grep SigIgn /proc/$$/status',
            {
              env: {
                GIVEN: 'yes',
                name: 'n',
                dir: 'd',
                place: 'p',
                leader: 'l',
                PATH: '/usr/bin:/bin:/nowhere',
              },
            },
          );
          const text = log.toString();
          for (const line of [
            'GIVEN=yes',
            'name=n',
            'dir=d',
            'place=p',
            'leader=l',
            'PATH=/usr/bin:/bin:/nowhere',
            `HOME=${machine.home}`,
            'USER=root',
            'LOGNAME=root',
            'stdin 0',
            '0022',
          ]) {
            expect(text.split('\n')).toContain(line);
          }
          expect(text).toMatch(/^0$/m);
          expect(text).toMatch(/^SigIgn:\s*0{16}$/m);
          expect(text).not.toMatch(/^(nonce|work|runs|base|pid|OLDPWD)=/m);
        });

        it('run() lets the script lead a session of its own', async () => {
          const { log } = await run(
            'read -r pid comm state ppid pgrp session rest </proc/self/stat; echo $(($$ == session)) $(($$ == pgrp))',
          );
          expect(log.toString()).toBe('1 1\n');
        });

        it('run() obeys the #! line, whatever it is, and says so when it is wrong', async () => {
          expect((await run('#!/usr/bin/env -S perl -w\nprint "perl $0\\n"')).log.toString()).toMatch(
            /^perl .*script.sh\n$/,
          );
          expect((await run('#! /bin/sh -eu\nfalse\necho not reached')).end).toMatchObject({ exitCode: 1 });
          expect((await run('#!/bin/sh\r\necho x\r\n')).end).toMatchObject({ exitCode: 127 });
          const none = await run('#!/no/such/interpreter\n');
          expect(none.end).toMatchObject({ exitCode: 127 });
          expect(none.log.toString()).toMatch(/no\/such\/interpreter/);
        });

        it('run() takes scripts of any bytes: no final newline, CRLF, NUL, invalid UTF-8, anything that ends a heredoc', async () => {
          expect(
            (
              await run("#!/bin/sh\ncat <<'EOF'\n}\nmain\nEOF\necho 'it''s' \"$1\" `echo b`", {
                args: ['$x'],
              })
            ).log.toString(),
          ).toBe('}\nmain\nits $x b\n');
          const perl = Buffer.concat([
            Buffer.from('#!/usr/bin/perl\nprint length("'),
            Buffer.from([0, 1, 0x80, 0xff, 0xc3, 0x0d, 0x78]),
            Buffer.from('")'),
          ]);
          expect((await run(perl)).log.toString()).toBe('7');
        });

        it('run() puts files in place before the script starts, with modes and parents', async () => {
          const files = [
            { path: 'conf/app.conf', mode: 0o640, bytes: Buffer.from("a 'b'\n") },
            { path: '~/.plan-test/x', mode: 0o600, bytes: Buffer.from([0, 255]) },
            { path: `${machine.home}/abs olute/y`, mode: 0o755, bytes: Buffer.from('#!/bin/sh\necho ran') },
            { path: 'large', mode: 0o600, bytes: Buffer.alloc(300_000, 'x') },
          ];
          const { log } = await run(
            'cat conf/app.conf; stat -c %a conf conf/app.conf; wc -c <large; "$HOME/abs olute/y"',
            { files },
          );
          expect(log.toString()).toBe("a 'b'\n755\n640\n300000\nran\n");
          expect(await readFile(join(machine.home, '.plan-test/x'))).toEqual(Buffer.from([0, 255]));
          expect(await readdir(at('blobs'))).toEqual([]);
          await connection.exec(`rm -rf ${at('work/conf')} ${at('work/large')}`, { signal: never });
        });

        it('run() says which file cannot be put in place, each time it is asked', async () => {
          const given = scriptRun('echo never', {
            files: [{ path: '/proc/no/such', mode: 0o600, bytes: Buffer.from('x') }],
          });
          for (const round of [1, 2]) {
            const end = runner.run(connection, given, {
              signal: never,
              onOutput: () => expect.unreachable(),
            });
            await expect(end, String(round)).rejects.toMatchObject({
              problem: 'failed',
              message: /^Cannot prepare ".*proc/,
            });
          }
        });

        it('run() and attempt() run a directory of scripts', async () => {
          const tree = {
            main: 'run',
            entries: [
              {
                path: 'run',
                mode: 0o755,
                bytes: Buffer.from('#!/bin/sh\ncd "$(dirname "$0")" && ./lib/helper "$1" && wc -c <big\n'),
              },
              {
                path: 'lib/helper',
                mode: 0o755,
                bytes: Buffer.from(`#!/bin/sh\necho "${shell.join(' ')} $1"\n`),
              },
              { path: 'big', mode: 0o644, bytes: randomBytes(200_000) },
            ],
          };
          const expected = `${shell.join(' ')} one\n200000\n`;
          expect((await run('', { script: tree, args: ['one'] })).log.toString()).toBe(expected);
          for (const round of [1, 2])
            expect((await attempt('', { script: tree, args: ['one'] })).log.toString(), String(round)).toBe(
              expected,
            );
        });

        it('run() returns at most 1 MiB and one byte of outputs', async () => {
          const { end } = await run('head -c 3000000 /dev/zero >>"$PLAN_OUTPUT"');
          expect(end.kind === 'exited' && end.outputs?.length).toBe(1024 * 1024 + 1);
        });

        it('run() keeps everything that it makes to its user', async () => {
          const given = scriptRun('sleep 0.4; echo late');
          await runner.run(connection, given, { signal: never, onOutput: () => undefined });
          const directory = at(given.name);
          for (const name of await readdir(directory)) {
            expect((await stat(join(directory, name))).mode & 0o777, name).toBe(0o600);
          }
          for (const path of [at(''), at('work'), directory])
            expect((await stat(path)).mode & 0o777).toBe(0o700);
        });

        it('run() of two at once is one execution, and both get the same end', async () => {
          const given = scriptRun('echo begun; echo x >>"$1"; sleep 0.5; echo done; exit 5', {
            args: [at('twice')],
          });
          const outputs = [collector(), collector(), collector()];
          const ends = await Promise.all(
            outputs.map(({ onOutput }) => runner.run(connection, given, { signal: never, onOutput })),
          );
          for (const end of ends) expect(end).toEqual({ kind: 'exited', exitCode: 5, outputs: null });
          for (const output of outputs) expect(output.text()).toBe('begun\ndone\n');
          expect(await readFile(at('twice'), 'utf8')).toBe('x\n');
          await connection.exec(`rm ${at('twice')}`, { signal: never });
        });

        it('run() calls a run whose supervisor is gone interrupted, and never runs it again', async () => {
          const given = scriptRun('echo x >>"$1"; kill -9 $PPID; sleep 0.1', { args: [at('gone')] });
          for (const round of [1, 2]) {
            const end = await runner.run(connection, given, { signal: never, onOutput: () => undefined });
            expect(end, String(round)).toEqual({
              kind: 'interrupted',
              message: 'its process is gone and left no exit code',
            });
          }
          expect(await readFile(at('gone'), 'utf8')).toBe('x\n');
          await connection.exec(`rm ${at('gone')}`, { signal: never });
        });

        it('run() tells an interruption by a restart, and by a process number that was given again', async () => {
          const claims = {
            restarted: '1 1 another-boot',
            reused: `1 999 ${(await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()}`,
          };
          for (const [name, claim] of Object.entries(claims)) {
            const given = scriptRun('echo never', { name: `${name}-${shell.join('-')}` });
            await connection.exec(
              `mkdir -p ${at(given.name)}; echo "${claim}" >${at(`${given.name}/claim`)}`,
              {
                signal: never,
              },
            );
            const end = await runner.run(connection, given, {
              signal: never,
              onOutput: () => expect.unreachable(),
            });
            expect(end.kind).toBe('interrupted');
            expect(end.kind === 'interrupted' && end.message).toMatch(
              name === 'restarted' ? /restarted/ : /process is gone/,
            );
          }
        });

        it('attach() finds a run that was started, running or ended, and none that was not', async () => {
          const given = scriptRun('echo begun; sleep 0.4; echo "a=b" >>"$PLAN_OUTPUT"; echo done');
          expect(
            await runner.attach(
              connection,
              { ...given, name: 'never' },
              { signal: never, onOutput: () => undefined },
            ),
          ).toBeUndefined();
          const first = runner.run(connection, given, { signal: never, onOutput: () => undefined });
          await until(`[ -s ${at(`${given.name}/log`)} ]`);
          for (const round of ['running', 'ended']) {
            const output = collector();
            const end = await runner.attach(connection, given, { signal: never, onOutput: output.onOutput });
            expect(end, round).toEqual({ kind: 'exited', exitCode: 0, outputs: Buffer.from('a=b\n') });
            expect(output.text(), round).toBe('begun\ndone\n');
          }
          await first;
        });

        it('run() that is aborted detaches: the script goes on', async () => {
          const controller = new AbortController();
          const reason = new Error('detach');
          const given = scriptRun('echo begun; sleep 0.6; echo done');
          const first = runner.run(connection, given, {
            signal: controller.signal,
            onOutput: () => controller.abort(reason),
          });
          await expect(first).rejects.toBe(reason);
          const output = collector();
          await runner.run(connection, given, { signal: never, onOutput: output.onOutput });
          expect(output.text()).toBe('begun\ndone\n');
        });

        it('stop() ends the process group of a run, leaves daemons alone, and the run reports its end', async () => {
          const given = scriptRun('sleep 30 & echo $! >child; setsid sleep 30 & echo $! >daemon; wait');
          const running = runner.run(connection, given, { signal: never, onOutput: () => undefined });
          await until(`[ -s ${at('work/daemon')} ]`);
          await runner.stop(connection, { ...given, names: [given.name] }, { signal: never });
          expect(await running).toEqual({ kind: 'exited', exitCode: 143, outputs: null });
          expect([await alive('work/child'), await alive('work/daemon')]).toEqual([false, true]);
          await connection.exec(
            `kill $(cat ${at('work/daemon')}); rm ${at('work/child')} ${at('work/daemon')}`,
            { signal: never },
          );
          await runner.stop(connection, { ...given, names: [given.name] }, { signal: never });
        });

        it('stop() kills what does not heed TERM after 2 s', async () => {
          const given = scriptRun("trap '' TERM; echo $$ >stubborn; while :; do sleep 1; done");
          const running = runner.run(connection, given, { signal: never, onOutput: () => undefined });
          await until(`[ -s ${at('work/stubborn')} ]`);
          const begun = Date.now();
          await runner.stop(connection, { ...given, names: [given.name] }, { signal: never });
          expect(Date.now() - begun).toBeGreaterThan(1_900);
          expect(await running).toMatchObject({ exitCode: 137 });
          expect(await alive('work/stubborn')).toBe(false);
          await connection.exec(`rm ${at('work/stubborn')}`, { signal: never });
        });

        it('stop() leaves alone what a run that succeeded left behind, and ends what a failed one did', async () => {
          for (const code of [0, 1]) {
            const given = scriptRun(`sleep 30 & echo $! >left; exit ${code}`);
            await runner.run(connection, given, { signal: never, onOutput: () => undefined });
            await runner.stop(
              connection,
              { ...given, names: [given.name, 'never-started'] },
              { signal: never },
            );
            expect(await alive('work/left')).toBe(code === 0);
            await connection.exec(`kill $(cat ${at('work/left')}); rm ${at('work/left')}`, { signal: never });
          }
        });

        it('stop() keeps a run that was not started from ever starting', async () => {
          const given = scriptRun('echo never');
          await runner.stop(connection, { ...given, names: [given.name] }, { signal: never });
          const end = await runner.run(connection, given, {
            signal: never,
            onOutput: () => expect.unreachable(),
          });
          expect(end).toEqual({ kind: 'interrupted', message: 'it was stopped before it started' });
        });

        it('run() first ends the runs that it is told to', async () => {
          const first = scriptRun('echo $$ >first; sleep 30');
          const running = runner.run(connection, first, { signal: never, onOutput: () => undefined });
          await until(`[ -s ${at('work/first')} ]`);
          const { log } = await run('kill -0 $(cat first) 2>/dev/null && echo alive || echo ended', {
            stopFirst: [first.name],
          });
          expect(log.toString()).toBe('ended\n');
          expect(await running).toMatchObject({ exitCode: 143 });
          await connection.exec(`rm ${at('work/first')}`, { signal: never });
        });

        it('attempt() runs a script each time, with its files and environment', async () => {
          const change = {
            env: { A: "it's\n" },
            args: ['a b'],
            files: [{ path: 'f', mode: 0o600, bytes: Buffer.from('F') }],
          };
          for (const round of [1, 2]) {
            const { end, log } = await attempt(
              'printf %s "$A$1"; cat f; pwd; wc -c <"$PLAN_ATTRIBUTES"; exit 4',
              change,
            );
            expect(end, String(round)).toEqual({ kind: 'exited', exitCode: 4, outputs: null });
            expect(log.toString()).toBe(`it's\na bF${at('work')}\n11\n`);
          }
        });

        it('attempt() of many at once, for the first time, run a whole script each', async () => {
          const text = `echo ${'x'.repeat(20_000)} | wc -c # ${shell.join(' ')}`;
          const tries = await Promise.all(Array.from({ length: 8 }, () => attempt(text)));
          for (const { end, log } of tries)
            expect([end, log.toString()]).toEqual([
              { kind: 'exited', exitCode: 0, outputs: null },
              '20001\n',
            ]);
        });

        it('attempt() writes a script that another try left half written', async () => {
          const given = scriptRun(`echo whole # ${shell.join(' ')}`);
          await runner.attempt(connection, given, { signal: never, onOutput: () => undefined });
          await connection.exec(`cd ${at('')} && printf '#!/bin/sh' >$(ls -t -- *-script.sh | head -n 1)`, {
            signal: never,
          });
          const output = collector();
          await runner.attempt(connection, given, { signal: never, onOutput: output.onOutput });
          expect(output.text()).toBe('whole\n');
        });

        it('attempt() does not wait for what a script leaves behind', async () => {
          const begun = Date.now();
          const { end } = await attempt('sleep 5 & echo $! >behind; exit 2');
          expect(end).toMatchObject({ exitCode: 2 });
          expect(Date.now() - begun).toBeLessThan(3_000);
          await connection.exec(`kill $(cat ${at('work/behind')})`, { signal: never });
        });

        it('attempt() that is aborted has ended the process group of its script', async () => {
          const controller = new AbortController();
          const reason = new Error('too slow');
          const output = runner.attempt(
            connection,
            scriptRun('sleep 30 & echo $! >tried; echo begun; wait'),
            {
              signal: controller.signal,
              onOutput: () => controller.abort(reason),
            },
          );
          await expect(output).rejects.toBe(reason);
          expect(await alive('work/tried')).toBe(false);
        });

        it('attempt() tells the end of a script that signals its own process group', async () => {
          const { end, log } = await attempt('sleep 30 & echo begun; kill 0; sleep 30');
          expect([end, log.toString()]).toEqual([
            { kind: 'exited', exitCode: 143, outputs: null },
            expect.stringContaining('begun\n'),
          ]);
        });

        it("attempt() gives a script a group of its own where the channel's shell leads none", async () => {
          const nested: Connection = {
            ...connection,
            exec: (command, options) => connection.exec(`(${command}) && :`, options),
          };
          const controller = new AbortController();
          const reason = new Error('too slow');
          const output = collector();
          const end = runner.attempt(
            nested,
            scriptRun(
              'read -r pid comm state ppid group rest </proc/self/stat; sleep 30 & echo $! >tried; echo $(($$ == group)); wait',
            ),
            {
              signal: controller.signal,
              onOutput(chunk) {
                output.onOutput(chunk);
                controller.abort(reason);
              },
            },
          );
          await expect(end).rejects.toBe(reason);
          expect([output.text(), await alive('work/tried')]).toEqual(['1\n', false]);
        });

        it('put() puts files in place without running anything', async () => {
          const files = [
            { path: 'put/small', mode: 0o644, bytes: Buffer.from('s') },
            { path: 'put/large', mode: 0o600, bytes: randomBytes(100_000) },
          ];
          await runner.put(connection, { base: '.plan/d-1', user: null, files }, { signal: never });
          expect(await readFile(at('work/put/small'), 'utf8')).toBe('s');
          expect((await readFile(at('work/put/large'))).equals(files[1]?.bytes ?? Buffer.alloc(0))).toBe(
            true,
          );
          const bad = [{ path: 'put', mode: 0o600, bytes: Buffer.from('x') }];
          const end = runner.put(
            connection,
            { base: '.plan/d-1', user: null, files: bad },
            { signal: never },
          );
          await expect(end).rejects.toMatchObject({
            problem: 'failed',
            message: /^Cannot put files in place: .*directory/,
          });
        });
      });

      describe('whatever the shell', () => {
        const runner = createScriptRunner();

        it('refuses what no shell or kernel can pass on, and names it', async () => {
          const cases: readonly [Partial<ScriptRun>, RegExp][] = [
            [
              { env: { BIG: 'x'.repeat(131_072) } },
              /^Cannot pass the variable "BIG" .* 131076 bytes .*\nGive it/,
            ],
            [{ args: ['ok', 'y'.repeat(131_072)] }, /^Cannot pass argument 2 /],
            [{ env: { A: 'a\0b' } }, /"A" .* NUL/],
            [{ env: { 'A-B': '' } }, /"A-B"/],
            [{ user: 'no such; user' }, /"no such; user"/],
          ];
          for (const [change, message] of cases) {
            const end = runner.run(connection, scriptRun('true', change), {
              signal: never,
              onOutput: () => undefined,
            });
            await expect(end).rejects.toMatchObject({ problem: 'failed', message });
          }
        });

        it('says what the machine said when it cannot start a script', async () => {
          await connection.exec(
            `mkdir -p ${machine.directory}/blocked && touch ${machine.directory}/blocked/base`,
            { signal: never },
          );
          const end = runner.run(connection, scriptRun('true', { base: 'blocked/base' }), {
            signal: never,
            onOutput: () => undefined,
          });
          await expect(end).rejects.toMatchObject({
            problem: 'failed',
            message: /^Cannot start a script: .*blocked\/base/,
          });
          const tried = runner.attempt(connection, scriptRun('true', { base: 'blocked/base' }), {
            signal: never,
            onOutput: () => undefined,
          });
          await expect(tried).rejects.toMatchObject({
            problem: 'failed',
            message: /^Cannot start a script: .*blocked\/base/,
          });
        });

        it('runs scripts as another user, in a work directory of theirs, and as root on request', async () => {
          const base = `.plan-test-${process.pid}`;
          const change = {
            base,
            user: 'games',
            files: [{ path: 'given', mode: 0o640, bytes: Buffer.from('g') }],
          };
          const home = String((await connection.exec('eval echo ~games', { signal: never })).stdout).trim();
          await connection.exec(`mkdir -p ${home} && chown games ${home}`, { signal: never });
          const output = collector();
          const text =
            'id -un; pwd; echo "$HOME $USER $LOGNAME"; stat -c "%U %a" . given; echo k=v >>"$PLAN_OUTPUT"';
          const end = await runner.run(connection, scriptRun(text, change), {
            signal: never,
            onOutput: output.onOutput,
          });
          expect(output.text()).toBe(
            `games\n${home}/${base}/work\n${home} games games\ngames 700\ngames 640\n`,
          );
          expect(end).toEqual({ kind: 'exited', exitCode: 0, outputs: Buffer.from('k=v\n') });

          const root = collector();
          await runner.run(
            connection,
            scriptRun('id -un; pwd; echo "$HOME"; stat -c "%U" given', { ...change, asRoot: true }),
            { signal: never, onOutput: root.onOutput },
          );
          expect(root.text()).toBe(`root\n${home}/${base}/work\n${machine.home}\ngames\n`);

          const tried = collector();
          await runner.attempt(connection, scriptRun('id -un', change), {
            signal: never,
            onOutput: tried.onOutput,
          });
          await runner.put(
            connection,
            { ...change, files: [{ path: 'big', mode: 0o600, bytes: randomBytes(100_000) }] },
            { signal: never },
          );
          expect(tried.text()).toBe('games\n');
          expect(
            String(
              (
                await connection.exec(`stat -c %U ${home}/${base}/work/big; rm -rf ${home}/${base}`, {
                  signal: never,
                })
              ).stdout,
            ),
          ).toBe('games\n');
        });

        it('keeps variables, arguments and scripts off every command line of its own', async () => {
          const secret = `s3cret-${randomBytes(4).toString('hex')}`;
          const text = `#!/bin/sh\n# ${secret}\nsleep 0.5; for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done 2>/dev/null | grep -c "$(printf %s "$TOKEN" | cut -c3-)"`;
          const { length } = secret;
          const output = collector();
          await runner.run(connection, scriptRun(text, { env: { TOKEN: secret } }), {
            signal: never,
            onOutput: output.onOutput,
          });
          expect([length > 0, output.text()]).toEqual([true, '1\n']);
        });

        it('ignores what a login says before the script does', async () => {
          await connection.exec('echo "echo welcome; echo to >&2" >~/.noise', { signal: never });
          const noisy: Connection = {
            ...connection,
            exec: (command, options) => connection.exec(`. ~/.noise; ${command}`, options),
          };
          const output = collector();
          const end = await runner.run(noisy, scriptRun('echo 1; sleep 0.5; echo 2'), {
            signal: never,
            onOutput: output.onOutput,
          });
          const tried = collector();
          await runner.attempt(noisy, scriptRun('echo 3'), { signal: never, onOutput: tried.onOutput });
          expect([end.kind, output.text(), tried.text()]).toEqual(['exited', '1\n2\n', '3\n']);
        });

        it('runs nothing of a program that is cut off', async () => {
          const whole: Buffer[] = [];
          const recorder: Connection = {
            ...connection,
            exec: (command, options) => {
              if (Buffer.isBuffer(options.stdin)) whole.push(options.stdin);
              return connection.exec(command, options);
            },
          };
          await runner.run(recorder, scriptRun('echo x >>cut', { name: 'cut-model' }), {
            signal: never,
            onOutput: () => undefined,
          });
          await connection.exec(`rm -r ${at('work/cut')} ${at('cut-model')}`, { signal: never });
          const program = whole[0] ?? Buffer.alloc(0);
          const cuts = Array.from({ length: 40 }, (_, i) => Math.floor((program.length * i) / 40)).concat(
            program.length - 9,
          );
          for (const shell of tried) {
            for (const cut of cuts)
              await connection.exec(shell.join(' '), { signal: never, stdin: program.subarray(0, cut) });
          }
          expect(existsSync(at('work/cut')) || existsSync(at('cut-model'))).toBe(false);
        });

        it('uses the log follower only for scripts that take their time', async () => {
          let execs = 0;
          const counting: Connection = {
            ...connection,
            exec: (command, options) => {
              execs += 1;
              return connection.exec(command, options);
            },
          };
          await runner.run(counting, scriptRun('echo fast'), { signal: never, onOutput: () => undefined });
          await runner.attempt(counting, scriptRun('echo fast'), {
            signal: never,
            onOutput: () => undefined,
          });
          expect(execs).toBe(2);
          await runner.run(counting, scriptRun('echo slow; sleep 0.6'), {
            signal: never,
            onOutput: () => undefined,
          });
          expect(execs).toBe(4);
        });

        it.each([
          ['perl', ['dash'], '/usr/bin/perl'],
          ['job control', ['bash', '--posix'], ''],
        ])(
          'gives a script a process group of its own by %s where there is no setsid',
          async (_by, shell, leaders) => {
            const poor: Connection = {
              ...connection,
              exec: (command, options) => {
                const stdin = Buffer.isBuffer(options.stdin)
                  ? Buffer.from(
                      options.stdin.toString('latin1').replace(/(?<=for leader in )[^;]*/, leaders),
                      'latin1',
                    )
                  : options.stdin;
                return connection.exec(command, { ...options, ...(stdin && { stdin }) });
              },
            };
            const chosen = createScriptRunner({ shell });
            const given = scriptRun(
              'read -r pid comm state ppid group rest </proc/self/stat; echo $(($$ == group)); sleep 30 & echo $! >mine; wait',
            );
            const output = collector();
            const running = chosen.run(poor, given, { signal: never, onOutput: output.onOutput });
            await until(`[ -s ${at('work/mine')} ]`);
            await chosen.stop(poor, { ...given, names: [given.name] }, { signal: never });
            expect(await running).toMatchObject({ exitCode: 143 });
            expect([output.text(), await alive('work/mine')]).toEqual(['1\n', false]);
            await connection.exec(`rm ${at('work/mine')}`, { signal: never });
          },
        );

        it('lets a script call itself', async () => {
          const output = collector();
          const run = scriptRun('[ -n "$1" ] || exec "$0" again\necho "$1"');
          await runner.run(connection, run, { signal: never, onOutput: output.onOutput });
          expect(output.text()).toBe('again\n');
        });

        it('asks again for the channel that follows a log when it was refused', async () => {
          let refused = 0;
          const busy: Connection = {
            ...connection,
            exec: (command, options) => {
              if (!command.includes('tail') || refused > 0) return connection.exec(command, options);
              refused += 1;
              return Promise.reject(new ConnectionError('failed', 'no channel'));
            },
          };
          const output = collector();
          const run = scriptRun('echo 1; sleep 0.5; echo 2');
          await connection.exec(`mkdir -p ${at(run.name)} && touch ${at(`${run.name}/followed`)}`, {
            signal: never,
          });
          await runner.run(busy, run, { signal: never, onOutput: output.onOutput });
          expect([refused, output.text()]).toEqual([1, '1\n2\n']);
        });

        it('passes a script of a payload on under its own name', async () => {
          const payload = { ...script('echo "${0##*/}"'), main: "my script's.sh" };
          const entries = payload.entries.map((entry) => ({ ...entry, path: payload.main }));
          const output = collector();
          await runner.run(connection, scriptRun('', { script: { ...payload, entries } }), {
            signal: never,
            onOutput: output.onOutput,
          });
          expect(output.text()).toBe("my script's.sh\n");
        });
      });
    },
  );
}
