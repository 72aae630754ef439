import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { detachedLog } from '../api/detached-log.ts';
import type { Planned } from '../api/planned.ts';
import { OperationError, PlanError } from '../errors.ts';
import type { Context } from './context.ts';
import type { Answer, Handed } from './detached.ts';
import { BACKGROUND, valuesOf } from './detached.ts';

/** What a background process was started as. */
export interface Background {
  readonly pid: number;
  /** Where it writes what it says. */
  readonly log: string;
}

/** What node and the dynamic linker read before a program can be told anything. */
const AT_THE_START = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'LD_LIBRARY_PATH',
  'NODE_EXTRA_CA_CERTS',
  'NODE_OPTIONS',
  'TMPDIR',
  'TZ',
] as const;

/** Lines of a log that are shown of a process that ended without a word. */
const TAIL = 10;

/**
 * Goes on with an `up` in a process of its own, in a session of its own, and resolves when that has begun. Rejects with
 * the error that kept it from that.
 */
export async function startInBackground(
  context: Context,
  { plan }: Planned,
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
): Promise<Background> {
  const log = detachedLog(directory, plan.deployment);
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
  const draft = `${log}.${process.pid}`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    const child = spawn(process.execPath, [mainScript(), BACKGROUND, plan.deployment], {
      cwd: context.io.cwd,
      detached: true,
      env: atTheStart(context.io.env),
      stdio: ['ignore', file, file, 'ipc'],
    });
    await begun(child, handed(context, { directory, digest: plan.digest }), { signal, log: draft });
    renameSync(draft, log);
    return { pid: child.pid ?? 0, log };
  } finally {
    closeSync(file);
    rmSync(draft, { force: true });
  }
}

/** The program; from sources it is the one that was built. */
function mainScript(): string {
  const beside = fileURLToPath(new URL('./main.js', import.meta.url));
  return existsSync(beside) ? beside : beside.replace(/([\\/])src([\\/]cli[\\/])/, '$1dist$2');
}

function atTheStart(env: Context['io']['env']): Record<string, string> {
  return Object.fromEntries(
    AT_THE_START.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function handed(
  context: Context,
  { directory, digest }: { readonly directory: string; readonly digest: string },
): Handed {
  const { io, flags, commands } = context;
  const up = commands.find(({ name }) => name === 'up');
  if (up === undefined) throw new Error('There is no "up". This is a bug in plan.');
  return {
    env: Object.fromEntries(
      Object.entries(io.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    cwd: io.cwd,
    flags: {
      ...flags,
      stateDir: directory,
      json: false,
      progress: 'plain',
      quiet: false,
      noColor: true,
      yes: true,
      noInput: true,
    },
    args: context.args,
    options: valuesOf(up, context.options),
    digest,
  };
}

/** Resolves when it is at work; it lives on then, whatever becomes of this process. */
async function begun(
  child: ChildProcess,
  handing: Handed,
  { signal, log }: { readonly signal: AbortSignal; readonly log: string },
): Promise<void> {
  const onAbort = (): void => {
    if (child.connected) child.disconnect();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await new Promise<void>((done, fail) => {
      let failure: PlanError | undefined;
      child.on('error', fail);
      child.on('message', (answer: Answer) => {
        if (answer.kind === 'begun') done();
        else failure = new PlanError(answer.exitCode, answer.message, answer.hint);
      });
      child.on('exit', (code, killedBy) => {
        const end = (): void => {
          if (signal.aborted) fail(signal.reason as Error);
          else fail(failure ?? endedWith(killedBy ?? `exit code ${code ?? 0}`, log));
        };
        // What it said last may still be on its way.
        if (child.connected) child.once('disconnect', () => setImmediate(end));
        else setImmediate(end);
      });
      child.send(handing, (error) => {
        if (error !== null && !signal.aborted) fail(error);
      });
      if (signal.aborted) onAbort();
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  onAbort();
  child.removeAllListeners();
  child.unref();
}

function endedWith(end: string, log: string): OperationError {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-TAIL);
  return new OperationError(
    `Cannot go on in the background: the process ended with ${end}`,
    lines.join('\n') || undefined,
  );
}
