import { parseDuration } from '../duration.ts';
import { UsageError } from '../errors.ts';
import type { FlagSpec, Parsed } from './command-shape.ts';

const PROGRESS = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type Progress = (typeof PROGRESS)[number];

/** The flags of every command, after the environment was asked. */
export interface GlobalFlags {
  readonly stateDir: string | undefined;
  readonly deployment: string | undefined;
  readonly json: boolean;
  readonly progress: Progress;
  readonly noColor: boolean;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly yes: boolean;
  readonly noInput: boolean;
  /** Most scripts that run at the same time. */
  readonly parallelism: number;
  /** Milliseconds. */
  readonly lockTimeout: number;
  /** Milliseconds; 0: they are not. */
  readonly keepConnections: number;
}

export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  {
    name: 'state-dir',
    value: 'DIR',
    completes: 'files',
    summary: 'where state is kept (default: the nearest .plan/)',
  },
  {
    name: 'deployment',
    short: 'd',
    value: 'NAME',
    completes: 'deployments',
    summary: 'the deployment that is meant',
  },
  { name: 'json', summary: 'one JSON document, or JSON Lines for operations, on stdout' },
  { name: 'progress', value: 'MODE', summary: `one of ${PROGRESS.join(', ')}`, choices: PROGRESS },
  { name: 'no-color', summary: 'no colours' },
  { name: 'verbose', short: 'v', summary: 'print what scripts print and how often APIs are called, too' },
  { name: 'quiet', short: 'q', summary: 'print failures only' },
  { name: 'yes', short: 'y', summary: 'do not ask' },
  { name: 'no-input', summary: 'never prompt' },
  { name: 'parallelism', value: 'N', summary: 'scripts at the same time (default: 100)' },
  {
    name: 'lock-timeout',
    value: 'DURATION',
    summary: 'how long to wait for a locked deployment (default: 0s)',
  },
  {
    name: 'keep-connections',
    value: 'DURATION',
    summary: 'keep SSH connections open for later commands (default: 0s)',
  },
  { name: 'help', short: 'h', summary: 'print help' },
  { name: 'version', summary: 'print the version' },
];

/** These ask for something else than the command; a destructive answer is never taken from the environment. */
const WITHOUT_VARIABLE: ReadonlySet<string> = new Set(['yes', 'help', 'version']);

/** The environment variable of a global flag, `PLAN_STATE_DIR` for `--state-dir`. */
export function variableOf(flag: FlagSpec): string | undefined {
  if (WITHOUT_VARIABLE.has(flag.name)) return undefined;
  return `PLAN_${flag.name.replaceAll('-', '_').toUpperCase()}`;
}

/** Flags as they were given, completed by the environment. Throws `UsageError`. */
export function readGlobalFlags(
  given: Parsed,
  env: Readonly<Record<string, string | undefined>>,
): GlobalFlags {
  return {
    stateDir: text('state-dir'),
    deployment: text('deployment'),
    json: truth('json'),
    progress: progress(),
    noColor: truth('no-color'),
    verbose: truth('verbose'),
    quiet: truth('quiet'),
    yes: given.flag('yes'),
    noInput: truth('no-input'),
    parallelism: parallelism(),
    lockTimeout: duration('lock-timeout'),
    keepConnections: duration('keep-connections'),
  };

  function source(name: string): { readonly called: string; readonly value: string } | undefined {
    const value = given.text(name);
    if (value !== undefined) return { called: `--${name}`, value };
    const variable = `PLAN_${name.replaceAll('-', '_').toUpperCase()}`;
    const fromEnv = env[variable];
    return fromEnv === undefined || fromEnv === '' ? undefined : { called: variable, value: fromEnv };
  }

  function text(name: string): string | undefined {
    return source(name)?.value;
  }

  function truth(name: string): boolean {
    if (given.flag(name)) return true;
    const found = source(name);
    if (found === undefined) return false;
    if (/^(?:1|true|yes|on)$/i.test(found.value)) return true;
    if (/^(?:0|false|no|off)$/i.test(found.value)) return false;
    throw new UsageError(`Cannot use ${found.called}: "${found.value}" is neither true nor false`);
  }

  function progress(): Progress {
    const found = source('progress');
    if (found === undefined) return 'auto';
    const mode = PROGRESS.find((name) => name === found.value);
    if (mode !== undefined) return mode;
    throw new UsageError(`Cannot use ${found.called}: "${found.value}" is not one of ${PROGRESS.join(', ')}`);
  }

  function parallelism(): number {
    const found = source('parallelism');
    if (found === undefined) return 100;
    if (/^[1-9]\d{0,4}$/.test(found.value)) return Number(found.value);
    throw new UsageError(
      `Cannot use ${found.called}: "${found.value}" is not a whole number from 1 to 99999`,
    );
  }

  function duration(name: string): number {
    const found = source(name);
    if (found === undefined) return 0;
    const milliseconds = parseDuration(found.value);
    if (milliseconds !== undefined) return milliseconds;
    throw new UsageError(`Cannot use ${found.called}: "${found.value}" is not a duration such as 30s or 10m`);
  }
}
