import { resolve } from 'node:path';
import { findStateDirectory } from './state-directory.ts';

/** Where an API finds things, and how it works. All of it may be left out. */
export interface StateSettings {
  /**
   * The state directory, absolute or relative to `cwd`. Default: the one that the command line finds: `PLAN_STATE_DIR`
   * of the environment, else the nearest `.plan/` upward from `cwd`, else one to be made.
   */
  readonly directory?: string | undefined;
  /** What relative paths are relative to. Default: the process's working directory. */
  readonly cwd?: string | undefined;
  /** Where plans find the values of inputs that name a variable. Default: the process's environment. */
  readonly environment?: Environment | undefined;
  /** Who is recorded as the owner of operations. Default: `user@host`. */
  readonly owner?: string | undefined;
  /** Most scripts that run at the same time in an operation. Default: 100. */
  readonly parallelism?: number | undefined;
  /** Milliseconds to wait for a deployment that another operation has. Default: 0. */
  readonly lockTimeout?: number | undefined;
  /** Tell what scripts print, as events of type `output`. Default: false. */
  readonly showOutput?: boolean | undefined;
  /**
   * Milliseconds for which SSH connections stay open after their use, so that what is done next need not log in again;
   * a process that is left behind keeps them, and ends with the last one. Default: 0, which leaves nothing behind.
   */
  readonly keepConnections?: number | undefined;
  /** Told what goes less well than it was asked for: that connections cannot be kept. Default: nobody is. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings, completed. */
export interface Session {
  /** Absolute. */
  readonly directory: string;
  /** Absolute. */
  readonly cwd: string;
  readonly environment: Environment;
  /** Undefined: `user@host`, which is found out where it is needed. */
  readonly owner: string | undefined;
  readonly parallelism: number;
  readonly lockTimeout: number;
  readonly showOutput: boolean;
  readonly keepConnections: number;
  readonly onWarning: (message: string) => void;
}

export function createSession(settings: StateSettings): Session {
  const cwd = resolve(settings.cwd ?? process.cwd());
  const environment = settings.environment ?? process.env;
  // A variable that is set but empty says nothing, as on the command line.
  const given = settings.directory ?? (environment['PLAN_STATE_DIR'] || undefined);
  return {
    directory: findStateDirectory({ given, cwd }),
    cwd,
    environment,
    owner: settings.owner,
    parallelism: settings.parallelism ?? 100,
    lockTimeout: settings.lockTimeout ?? 0,
    showOutput: settings.showOutput ?? false,
    keepConnections: settings.keepConnections ?? 0,
    onWarning: settings.onWarning ?? (() => undefined),
  };
}
