import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandLine } from '../../src/connection/argument.ts';
import { runWords } from '../../src/connection/argument-exec.ts';
import type { CommandEnd, WordsOptions } from '../../src/connection/argument-exec.ts';
import { interpreterOf, placeScript } from '../../src/connection/argument-script.ts';
import type { Connection } from '../../src/connection/connection.ts';
import { openConnection } from '../../src/connection/open.ts';
import { describeWhere } from '../support/applying.ts';
import { until } from '../support/until.ts';
import { CONTAINERS, OPENSSH, PROCESSES } from './script-machine.ts';
import type { ScriptMachine } from './script-machine.ts';

const never = new AbortController().signal;

/** Words that shells like to take apart. */
const word = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom(' ', '\n', '\t', '"', "'", '\\', '$', '`', '!', '*', '~', '-', ';', '\r', 'ä'),
  }),
  fc.constantFrom(
    '',
    '-',
    '--',
    '-n',
    '$HOME',
    '~',
    '*',
    '\u0081\u0088',
    '$(reboot)',
    '\\c',
    '%s',
    '\u{1f600}',
  ),
);

for (const kind of [OPENSSH, PROCESSES, CONTAINERS]) {
  describeWhere(kind.missing === undefined)(`runWords() on ${kind.name}`, () => {
    let machine: ScriptMachine;
    let connection: Connection;

    beforeAll(async () => {
      machine = await kind.start();
      connection = await openConnection(machine.access, {
        signal: never,
        onHostKey: () => expect.unreachable(),
      });
    });
    afterAll(async () => {
      await connection[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    });

    async function run(
      words: readonly string[],
      options: Partial<WordsOptions> & { readonly user?: string } = {},
    ): Promise<CommandEnd & { readonly stdout: Buffer; readonly text: string; readonly errors: string }> {
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      const end = await runWords(
        connection,
        { words, user: options.user ?? null },
        {
          signal: never,
          onStdout: (chunk) => void out.push(chunk),
          onStderr: (chunk) => void err.push(chunk),
          ...options,
        },
      );
      const stdout = Buffer.concat(out);
      return { ...end, stdout, text: stdout.toString(), errors: Buffer.concat(err).toString() };
    }

    const shells = kind === CONTAINERS ? [['sh']] : [['dash'], ['bash'], ['busybox', 'sh']];

    it('passes arguments on byte for byte', { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(word, { maxLength: 6 }),
          fc.constantFrom(...shells),
          async (words, shell) => {
            const { stdout, exitCode } = await run([...shell, '-c', 'printf "%s\\0" "$@"', 'x', ...words]);
            expect([exitCode, stdout.toString()]).toEqual([
              0,
              words.map((one) => `${one}\0`).join('') || '\0',
            ]);
          },
        ),
        { numRuns: 40, endOnFailure: true },
      );
    });

    it('tells exit codes and keeps the two outputs apart', async () => {
      const result = await run(['sh', '-c', 'echo out; echo err >&2; exit 7']);
      expect([result.exitCode, result.text, result.errors]).toEqual([7, 'out\n', 'err\n']);
      expect((await run(['no-such-program'])).exitCode).toBe(127);
    });

    it('works in the login home, and ends its input where there is none', async () => {
      const { text } = await run(['sh', '-c', 'pwd; cat; pwd']);
      const [first = '', second] = text.trim().split('\n');
      expect(first).toBe(second);
      if (kind === PROCESSES) expect(first).toBe(machine.directory);
    });

    it('passes input on, and needs no command to read it', async () => {
      const bytes = randomBytes(3_000_000);
      expect((await run(['cat'], { stdin: Readable.from([bytes]) })).stdout.equals(bytes)).toBe(true);
      expect((await run(['true'], { stdin: Readable.from([bytes]) })).exitCode).toBe(0);
      const endless = new PassThrough();
      endless.write('line\n');
      expect((await run(['head', '-n', '1'], { stdin: endless })).text).toBe('line\n');
    });

    it('reads no more than its listener takes', async () => {
      let taken = 0;
      await run(['sh', '-c', 'head -c 3000000 /dev/zero'], {
        async onStdout(chunk) {
          await delay(1);
          taken += chunk.length;
        },
      });
      expect(taken).toBe(3_000_000);
    });

    it('fails when its listener does', async () => {
      const failing = run(['echo', 'x'], {
        onStdout() {
          throw new Error('no more');
        },
      });
      await expect(failing).rejects.toThrow('no more');
    });

    it('ends the whole process group when it is cancelled', async () => {
      const cancel = new AbortController();
      let pids: readonly string[] = [];
      const running = run(['sh', '-c', 'trap "" TERM; sleep 300 & echo "$$ $!"; sleep 300; sleep 300'], {
        signal: cancel.signal,
        onStdout(chunk) {
          pids = chunk.toString().trim().split(' ');
          cancel.abort(new Error('enough'));
        },
      });
      await expect(running).rejects.toThrow('enough');
      expect(pids).toHaveLength(2);
      const alive = async (): Promise<string> =>
        (
          await run([
            'sh',
            '-c',
            'for pid; do kill -0 "$pid" 2>/dev/null && grep -q "State:[^Z]*Z" "/proc/$pid/status" || { kill -0 "$pid" 2>/dev/null && echo "$pid"; }; done',
            'sh',
            ...pids,
          ])
        ).text;
      await until(async () => (await alive()) === '');
    });

    it('does nothing once it is cancelled', async () => {
      await expect(run(['true'], { signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early');
    });

    if (kind !== CONTAINERS)
      it('runs as another user, in that home', async () => {
        const { text } = await run(['sh', '-c', 'id -un; echo "$HOME"; pwd; echo "$1"', 'sh', "a 'b'\n$c"], {
          user: 'nobody',
        });
        const [user, home, directory, ...rest] = text.split('\n');
        expect([user, home, rest.join('\n')]).toEqual(['nobody', '/nonexistent', "a 'b'\n$c\n"]);
        expect(directory).toBe('/');
        await expect(run(['true'], { user: 'nobody-there' })).rejects.toMatchObject({ problem: 'failed' });
      });

    it('runs a script by its interpreter with arguments, and leaves none of it', async () => {
      const bytes = Buffer.from('#!/bin/sh -u\nprintf "%s|" "$@"; echo "${0##*/}"; cat\n');
      const script = await placeScript(connection, { name: '/some/where/my script', bytes }, null, {
        signal: never,
      });
      const { text } = await run([...script.words, 'a b', '', "c'\n"], { stdin: Buffer.from('in') });
      expect(text).toBe("a b||c'\n|my script\nin");
      await script.remove(connection, { signal: never });
      const gone = await run(['test', '-e', script.words.at(-1) ?? '']);
      expect(gone.exitCode).toBe(1);
    });
  });
}

describe('a command', () => {
  it('that nothing can pass on is refused', () => {
    for (const words of [[], [''], ['-x'], ['echo', 'a\0b'], ['echo', 'x'.repeat(140_000)]])
      expect(() => commandLine({ words, user: null }, 'nonce')).toThrow(/^Cannot run a command: /);
    expect(() => commandLine({ words: ['true'], user: 'a b' }, 'nonce')).toThrow(/no user name/);
  });

  it('of a script is begun by the interpreter that the script names', () => {
    const begins = ['#!/bin/bash -e\n', '#! /usr/bin/env python3\r\n', 'echo\n', '\u007fELF\0'];
    expect(begins.map((begin) => interpreterOf(Buffer.from(begin)).join('|'))).toEqual([
      '/bin/bash|-e',
      '/usr/bin/env|python3',
      '/bin/sh',
      '',
    ]);
  });
});
