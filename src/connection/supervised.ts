import { childSignal } from '../child-signal.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { lastLine } from './download.ts';
import { followLog } from './log-follower.ts';
import type { FollowedRun, LogFollower } from './log-follower.ts';
import { createMarkerStream } from './marker-stream.ts';
import type { RunOptions } from './script-runner.ts';

/** Milliseconds after which a second channel follows the log; a script that ends before costs one round trip. */
const FOLLOW_AFTER = 300;

export interface SupervisedProgram extends FollowedRun {
  /** Relative to what the machine tells. */
  readonly base: string;
  /** The program that starts the run or waits for it. */
  readonly stdin: Buffer;
}

/** What the machine tells of a run in the end. */
export type Supervised =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly outputs: Buffer | null }
  | { readonly kind: 'gone'; readonly why: string }
  | { readonly kind: 'unprepared'; readonly why: string }
  /** Something has to be uploaded first, relative to `home`: nothing was started. */
  | { readonly kind: 'missing'; readonly home: string }
  /** The run was never started. */
  | { readonly kind: 'none' };

/** Sends a program, passes the run's log on as it grows, and waits for the run's end. */
export async function supervised(
  connection: Connection,
  program: SupervisedProgram,
  { signal, onOutput }: RunOptions,
): Promise<Supervised> {
  using both = childSignal(signal);
  let emitted = 0;
  function emit(offset: number, chunk: Buffer): void {
    const seen = emitted - offset;
    if (seen >= chunk.length) return;
    emitted = offset + chunk.length;
    onOutput(seen > 0 ? chunk.subarray(seen) : chunk);
  }

  const report: {
    /** The directory that `base` is relative to, once the run is started. */
    started?: string;
    end?: Supervised;
    complete?: boolean;
    log?: number;
    outputs?: Buffer[];
  } = {};
  let follower: LogFollower | undefined;
  let due = false;
  function follow(): LogFollower {
    const base = `${report.started ?? ''}/${program.base}`;
    follower ??= followLog(connection, { ...program, base }, { signal: both.signal, onBytes: emit });
    return follower;
  }
  const timer = setTimeout(() => {
    due = true;
    if (report.started !== undefined && report.end === undefined) follow();
  }, FOLLOW_AFTER);

  let section: 'none' | 'log' | 'outputs' = 'none';
  const onStdout = createMarkerStream(program.nonce, {
    onData(chunk) {
      if (section === 'log') {
        emit(report.log ?? 0, chunk);
        report.log = (report.log ?? 0) + chunk.length;
      } else if (section === 'outputs') report.outputs?.push(chunk);
    },
    onMarker(word, rest) {
      section = 'none';
      switch (word) {
        case 'started':
          report.started = rest;
          if (due) follow();
          break;
        case 'exit':
          report.end = { kind: 'exited', exitCode: Number(rest), outputs: null };
          break;
        case 'gone':
        case 'unprepared':
          report.end = { kind: word, why: rest };
          break;
        case 'missing':
          report.end = { kind: word, home: rest };
          report.complete = true;
          break;
        case 'none':
          report.end = { kind: word };
          report.complete = true;
          break;
        case 'log':
          section = 'log';
          report.log = 0;
          break;
        case 'outputs':
          section = 'outputs';
          report.outputs = [];
          break;
        case 'end':
          report.complete = true;
          break;
      }
    },
  });

  /** A channel that was refused while the run went on is asked for again. */
  async function finishLog(): Promise<void> {
    try {
      await follow().finish();
    } catch (error) {
      if (!(error instanceof ConnectionError) || error.problem !== 'failed') throw error;
      follower = undefined;
      await follow().finish();
    }
  }

  try {
    const command = program.command([...program.shell, '-s']);
    const result = await connection.exec(command, { signal: both.signal, stdin: program.stdin, onStdout });
    const { end } = report;
    if (end === undefined || report.complete !== true) {
      if (report.started !== undefined)
        throw new ConnectionError(
          'lost',
          'Cannot go on with a script: the process that waited for it is gone',
        );
      throw new ConnectionError('failed', `Cannot start a script: ${lastLine(result.stderr)}`);
    }
    if (end.kind === 'missing' || end.kind === 'none') return end;
    if (report.log === undefined) await finishLog();
    return end.kind === 'exited' && report.outputs ? { ...end, outputs: Buffer.concat(report.outputs) } : end;
  } finally {
    clearTimeout(timer);
    both.abort(new Error('The run is over.'));
    await follower?.ended;
  }
}
