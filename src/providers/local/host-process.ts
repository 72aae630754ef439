import { spawn } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { ProviderError } from '../provider.ts';
import type { ControlAddress } from './control.ts';
import { hostingPaths, machinesDirectory } from './paths.ts';

const MAX_LOG = 1_000_000;
/** A young generation of 1 MiB halves the host's memory; connections need little else. */
const NODE_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=512'];

/** True when machines are recorded, or a host serves. */
export function isHosted(stateDirectory: string): boolean {
  return existsSync(hostingPaths(machinesDirectory(stateDirectory)).records);
}

/** Where the host of a state directory said that it listens; undefined: none did, or it ended. */
export async function readControlAddress(stateDirectory: string): Promise<ControlAddress | undefined> {
  try {
    return JSON.parse(
      await readFile(hostingPaths(machinesDirectory(stateDirectory)).address, 'utf8'),
    ) as ControlAddress;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The program of the host process; from sources it is the one that was built. */
export function hostScript(): string {
  const beside = fileURLToPath(new URL('./host-main.js', import.meta.url));
  return existsSync(beside)
    ? beside
    : beside.replace(/([\\/])src([\\/]providers[\\/]local[\\/])/, '$1dist$2');
}

/**
 * Starts a host in a session of its own. Resolves when it listens, or, `busy`, when another host serves already.
 * Rejects with `ProviderError` and the end of its log when it does neither.
 */
export async function startHostProcess(stateDirectory: string, script: string): Promise<'ready' | 'busy'> {
  const directory = machinesDirectory(stateDirectory);
  const { log } = hostingPaths(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const logFile = openSync(log, 'a', 0o600);
  try {
    if (fstatSync(logFile).size > MAX_LOG) ftruncateSync(logFile);
    const child = spawn(process.execPath, [...NODE_FLAGS, script, stateDirectory], {
      cwd: '/',
      detached: true,
      env: hostEnvironment(),
      stdio: ['ignore', logFile, logFile, 'pipe'],
    });
    child.unref();
    const said = await firstLine(child.stdio[3] as Readable);
    if (said === 'ready' || said === 'busy') return said;
    throw new ProviderError(`Cannot start the host of local machines: ${lastLine(log)}`);
  } finally {
    closeSync(logFile);
  }
}

/** Only what node and the programs that it calls need; machines get the environment of whoever launches them. */
function hostEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    ['PATH', 'LD_LIBRARY_PATH', 'TZ'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

async function firstLine(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text.trim();
}

/** What the host said at last. */
function lastLine(log: string): string {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  return lines.at(-1) ?? 'it ended without a word';
}
