import type { Connection, RemoteFile } from './connection.ts';

/**
 * A supervised run: detached on the machine, claimed by exactly one process, its log and exit code kept in files
 * there, so that a lost connection or a dead operator loses nothing.
 */
export interface ScriptRun {
  /** The deployment's directory for this machine, relative to the login user's home; `work` and a directory per run are in it. */
  readonly base: string;
  /** Unique under `base`: `<generation>-<step>-<attempt>`. */
  readonly name: string;
  readonly script: ScriptPayload;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Who owns the work directory and runs the scripts; null: the login user. */
  readonly user: string | null;
  /** Run this one script as root. */
  readonly asRoot: boolean;
  /** JSON text of the file that `PLAN_ATTRIBUTES` names. */
  readonly attributes: string;
  /** Put in place before the script starts; `path` relative to the work directory unless absolute or `~/`. */
  readonly files: readonly RemoteFile[];
  /** Give the script `PLAN_OUTPUT` and return what it wrote there. */
  readonly outputs: boolean;
  /** Names of earlier runs under `base` whose processes must end first. */
  readonly stopFirst: readonly string[];
}

export interface ScriptPayload {
  /** Relative paths with `/`. */
  readonly entries: readonly { readonly path: string; readonly mode: number; readonly bytes: Buffer }[];
  readonly main: string;
}

export type ScriptEnd =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly outputs: Buffer | null }
  /** Its process is gone and left no exit code: it was killed, or the machine rebooted. */
  | { readonly kind: 'interrupted'; readonly message: string };

export interface RunOptions {
  /** Aborting detaches: the script goes on on the machine. */
  readonly signal: AbortSignal;
  /** The run's log (stdout and stderr in one), always from its first byte. */
  readonly onOutput: (chunk: Buffer) => void;
}

/** Runs scripts on machines. Rejects with `ConnectionError` when the connection breaks; call again to reattach. */
export interface ScriptRunner {
  /** Starts the run, or attaches to it if it was started before, and waits for its end. */
  run(connection: Connection, run: ScriptRun, options: RunOptions): Promise<ScriptEnd>;
  /** Attaches to a run that may have been started before, without starting it; undefined if it never was. */
  attach(
    connection: Connection,
    run: Pick<ScriptRun, 'base' | 'name' | 'user' | 'asRoot' | 'outputs'>,
    options: RunOptions,
  ): Promise<ScriptEnd | undefined>;
  /** Ends the process groups of runs: TERM, then KILL after 2 s. Succeeds for what has ended. */
  stop(
    connection: Connection,
    runs: Pick<ScriptRun, 'base' | 'user' | 'asRoot'> & { readonly names: readonly string[] },
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
  /** One unsupervised try of a script (verify): a plain exec that may be repeated; aborting ends it. */
  attempt(
    connection: Connection,
    run: Omit<ScriptRun, 'name' | 'stopFirst' | 'outputs'>,
    options: RunOptions,
  ): Promise<ScriptEnd>;
  /** Puts files in place without running anything. */
  put(
    connection: Connection,
    run: Pick<ScriptRun, 'base' | 'user' | 'files'>,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
  /** Ends what runs under `base` and removes all of it. Succeeds where there is nothing. */
  clear(
    connection: Connection,
    run: Pick<ScriptRun, 'base' | 'user'>,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
}
