import { randomBytes } from 'node:crypto';
import { attempt } from './attempt.ts';
import type { Missing } from './attempt.ts';
import { clearProgram } from './clear-program.ts';
import { ConnectionError } from './connection.ts';
import type { Connection, ExecResult } from './connection.ts';
import { lastLine } from './download.ts';
import { createMarkerStream } from './marker-stream.ts';
import { attachProgram, attemptProgram, putProgram, runProgram, stopProgram } from './script-program.ts';
import type { Program } from './script-program.ts';
import type { RunOptions, ScriptEnd, ScriptRun, ScriptRunner } from './script-runner.ts';
import { supervised } from './supervised.ts';
import type { Supervised } from './supervised.ts';
import { commandAs } from './switch-user.ts';
import type { Who } from './switch-user.ts';
import { upload } from './upload.ts';

/** Runs scripts by a POSIX shell on the machine. `shell`: the words that start one. */
export function createScriptRunner({
  shell = ['sh'],
}: { readonly shell?: readonly string[] } = {}): ScriptRunner {
  const words = [...shell, '-s'];

  async function staged<T extends { readonly kind: string }>(
    connection: Connection,
    who: Who,
    signal: AbortSignal,
    { stage }: Program,
    go: () => Promise<T | Missing>,
  ): Promise<T> {
    const first = await go();
    if (!isMissing(first)) return first;
    const command = commandAs(who);
    for (const files of stage.uploads) {
      const placed = files.map((file) => ({ ...file, path: `${first.home}/${file.path}` }));
      await upload(connection, placed, { signal, command });
    }
    const second = await go();
    if (!isMissing(second)) return second;
    throw new ConnectionError('failed', 'Cannot put a script in place: what was uploaded is gone again');
  }

  async function watch(
    connection: Connection,
    run: Who & Pick<ScriptRun, 'base' | 'name'>,
    stdin: Buffer,
    nonce: string,
    options: RunOptions,
  ): Promise<Supervised> {
    return await supervised(connection, { ...run, nonce, stdin, command: commandAs(run), shell }, options);
  }

  return {
    async run(connection, run, options) {
      const nonce = createNonce();
      const program = runProgram(run, nonce);
      const result = await staged(connection, run, options.signal, program, () =>
        watch(connection, run, program.stdin, nonce, options),
      );
      if (result.kind !== 'none') return scriptEnd(result, run);
      throw new Error('A run that was to start was only looked for. This is a bug in plan.');
    },

    async attach(connection, run, options) {
      const nonce = createNonce();
      const result = await watch(connection, run, attachProgram(run, nonce), nonce, options);
      return result.kind === 'none' || result.kind === 'missing' ? undefined : scriptEnd(result, run);
    },

    async stop(connection, { names, ...runs }, { signal }) {
      if (names.length === 0) return;
      const stdin = stopProgram(runs.base, names);
      const result = await connection.exec(commandAs(runs)(words), { signal, stdin });
      if (result.exitCode !== 0) throw refused(`stop ${names.map((name) => `"${name}"`).join(', ')}`, result);
    },

    async attempt(connection, run, options) {
      const nonce = createNonce();
      const program = attemptProgram(run, nonce);
      return await staged(connection, run, options.signal, program, () =>
        attempt(connection, commandAs(run)(words), program.stdin, nonce, options),
      );
    },

    async clear(connection, { base, user }, { signal }) {
      const result = await connection.exec(commandAs({ user })(words), { signal, stdin: clearProgram(base) });
      if (result.exitCode !== 0) throw refused(`remove "${base}"`, result);
    },

    async put(connection, run, { signal }) {
      if (run.files.length === 0) return;
      const nonce = createNonce();
      const program = putProgram(run, nonce);
      await staged(connection, { user: run.user }, signal, program, async () => {
        let word: string | undefined;
        let home = '';
        const onStdout = createMarkerStream(nonce, {
          onMarker: (marker, rest) => {
            word = marker;
            home = rest;
          },
          onData: () => undefined,
        });
        const result = await connection.exec(commandAs(run)(words), {
          signal,
          stdin: program.stdin,
          onStdout,
        });
        if (word === 'missing') return { kind: 'missing', home };
        if (word !== 'end') throw refused('put files in place', result);
        return { kind: 'put' };
      });
    },
  };
}

function scriptEnd(
  answer: Exclude<Supervised, { kind: 'missing' | 'none' }>,
  run: Pick<ScriptRun, 'name'>,
): ScriptEnd {
  switch (answer.kind) {
    case 'exited':
      return answer;
    case 'gone':
      return {
        kind: 'interrupted',
        message: GONE[answer.why] ?? `its process is gone and left no exit code${fullText(answer.why)}`,
      };
    case 'unprepared':
      throw new ConnectionError(
        'failed',
        `Cannot prepare "${run.name}": ${lastLine(Buffer.from(answer.why))}`,
      );
    default:
      return answer satisfies never;
  }
}

const GONE: Readonly<Record<string, string>> = {
  stopped: 'it was stopped before it started',
  restarted: 'the machine was restarted meanwhile',
};

function isMissing(answer: { readonly kind: string }): answer is Missing {
  return answer.kind === 'missing';
}

/** `full <directory>: <why>` */
function fullText(why: string): string {
  return why.startsWith('full ') ? `: nothing can be written in ${why.slice('full '.length)}` : '';
}

function refused(what: string, { stderr }: ExecResult): ConnectionError {
  return new ConnectionError('failed', `Cannot ${what}: ${lastLine(stderr)}`);
}

/** Nothing that a script prints can contain it, because no script is told. */
function createNonce(): string {
  return `plan-${randomBytes(16).toString('hex')}`;
}
