import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Mask } from '../mask.ts';
import type { StepKind } from '../step.ts';
import { copyMasked, lastLines, readTail, writeAt } from './log-bytes.ts';
import type { LogFile, Logs } from './logs.ts';
import { explained, stateError } from './state-error.ts';

/** Milliseconds after which what was written is in the file, for whoever follows it. */
const FLUSH_DELAY = 100;
/** Bytes that are kept back at most. */
const FLUSH_BYTES = 64 * 1_024;

interface DeploymentName {
  readonly name: string;
  readonly uuid: string;
}

/** Where a step's log is, relative to the state directory. */
export function logPath(
  deployment: DeploymentName,
  machine: string,
  generation: number,
  step: StepKind,
  attempt: number,
): string {
  return join(machineDirectory(deployment, machine), `${generation}-${step}-${attempt}.log`);
}

/** Where the logs of a machine are, relative to the state directory. */
export function machineDirectory(deployment: DeploymentName, machine: string): string {
  return join(deploymentDirectory(deployment), machine);
}

/** Where the logs of a deployment are, relative to the state directory. */
export function deploymentDirectory({ name, uuid }: DeploymentName): string {
  return join('logs', `${name}-${uuid.slice(0, 8)}`);
}

/** Removes all logs of a deployment. */
export function removeLogs(directory: string, deployment: DeploymentName): void {
  const path = join(directory, deploymentDirectory(deployment));
  explained(`remove the logs in "${path}"`, () => rmSync(path, { recursive: true, force: true }));
}

/** A log that exists. */
export interface LogEntry {
  readonly generation: number;
  readonly step: StepKind;
  readonly attempt: number;
  /** Relative to the state directory. */
  readonly path: string;
}

const STEPS: readonly string[] = [
  'launch',
  'connect',
  'bootstrap',
  'verify',
  'teardown',
  'terminate',
] satisfies StepKind[];
const LOG_NAME = /^(\d+)-([a-z]+)-(\d+)\.log$/;

/** The logs of a machine by generation, step and attempt. A script that printed nothing has none. */
export function listLogs(
  directory: string,
  deployment: DeploymentName,
  machine: string,
): readonly LogEntry[] {
  const folder = machineDirectory(deployment, machine);
  const entries: LogEntry[] = [];
  for (const name of namesIn(join(directory, folder))) {
    const [, generation, step, attempt] = LOG_NAME.exec(name) ?? [];
    if (step === undefined || !STEPS.includes(step)) continue;
    entries.push({
      generation: Number(generation),
      step: step as StepKind,
      attempt: Number(attempt),
      path: join(folder, name),
    });
  }
  return entries.sort(
    (a, b) =>
      a.generation - b.generation || STEPS.indexOf(a.step) - STEPS.indexOf(b.step) || a.attempt - b.attempt,
  );
}

/** Every log of a deployment, with the name of its file. */
export function* allLogs(
  directory: string,
  deployment: DeploymentName,
): Generator<{ readonly machine: string; readonly file: string; readonly path: string }, void, undefined> {
  for (const machine of namesIn(join(directory, deploymentDirectory(deployment)))) {
    const folder = machineDirectory(deployment, machine);
    for (const file of namesIn(join(directory, folder)))
      if (LOG_NAME.test(file)) yield { machine, file, path: join(folder, file) };
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw stateError(`read the logs in "${path}"`, error);
  }
}

/**
 * Logs below a state directory. No file is open between two writes, so any number of logs can be at work; a log
 * whose script prints nothing has no file.
 */
export function createLogs(directory: string): Logs {
  const waiting = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;

  function flushAll(): void {
    timer = undefined;
    const flushes = [...waiting];
    waiting.clear();
    for (const flush of flushes) flush();
  }

  /** Calls `flush` soon, and all that wait for it at once. */
  function schedule(flush: () => void): void {
    waiting.add(flush);
    timer ??= setTimeout(flushAll, FLUSH_DELAY).unref();
  }

  return {
    open: (path, mask) => openLog(join(directory, path), mask, schedule, (flush) => waiting.delete(flush)),
  };
}

function openLog(
  path: string,
  mask: Mask,
  schedule: (flush: () => void) => void,
  unschedule: (flush: () => void) => void,
): LogFile {
  const stream = mask.stream();
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  /** Where in the file `pending` belongs. */
  let position = 0;
  let failure: Error | undefined;

  function flush(): void {
    const chunks = pending;
    pending = [];
    pendingBytes = 0;
    if (chunks.length === 0 || failure !== undefined) return;
    try {
      position = writeAt(path, position, Buffer.concat(chunks));
    } catch (error) {
      failure = stateError(`write the log "${path}"`, error);
    }
  }

  function take(bytes: Buffer): void {
    if (bytes.length === 0 || failure !== undefined) return;
    pending.push(bytes);
    pendingBytes += bytes.length;
    if (pendingBytes >= FLUSH_BYTES) flush();
    else schedule(flush);
  }

  function tail(): readonly string[] {
    if (failure !== undefined) throw failure;
    return explained(`read the log "${path}"`, () => readTail(path));
  }

  /** What is left, and the last lines: of a short log they are at hand. */
  function finish(): readonly string[] {
    take(stream.end());
    const whole = position === 0 ? Buffer.concat(pending) : undefined;
    flush();
    unschedule(flush);
    return whole === undefined || failure !== undefined ? tail() : lastLines(whole.toString());
  }

  return {
    write: (chunk) => take(stream.push(chunk)),
    end: () =>
      new Promise((done) => {
        done(finish());
      }),
    async scrub(wiser) {
      try {
        await copyMasked(path, wiser);
      } catch (error) {
        throw stateError(`remove sensitive values from the log "${path}"`, error);
      }
      return tail();
    },
  };
}
