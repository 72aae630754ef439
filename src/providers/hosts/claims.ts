import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { StateError } from '../../errors.ts';
import type { Tags } from '../provider.ts';
import type { HostHash } from './access.ts';
import type { HostEntry } from './host-entry.ts';

/** That a host is a machine of a deployment: one file for each host, which exists while it is. */
export interface Claim {
  /** `host-<hash of the host>-<random>` */
  readonly id: string;
  readonly host: HostEntry;
  /** Name of the configuration that it was taken from. */
  readonly provider: string;
  readonly token: string;
  /** Position in its batch. */
  readonly index: number;
  readonly machine: string;
  readonly generation: number;
  readonly service: string;
  readonly tags: Tags;
  readonly labels: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** The claims of a state directory. All methods throw `StateError` when it cannot be read or written. */
export interface Claims {
  /** By the hash of the host. */
  all(): ReadonlyMap<string, Claim>;
  /** Undefined: there is none of this id. */
  find(id: string): Claim | undefined;
  /** Undefined: somebody has the host. */
  take(claim: Omit<Claim, 'id'>): Claim | undefined;
  replace(claim: Claim): void;
  /** Succeeds where there is none. */
  giveBack(id: string): void;
}

const FILE = /^([0-9a-f]{24})\.json$/;
const ID = /^host-([0-9a-f]{24})-[0-9a-f]{8}$/;

export function openClaims(stateDirectory: string, hashOf: HostHash): Claims {
  const directory = join(stateDirectory, 'hosts');
  const pathOf = (hash: string): string => join(directory, `${hash}.json`);

  function read(hash: string): Claim | undefined {
    const path = pathOf(hash);
    const text = ifThere(() => readFileSync(path, 'utf8'), path);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as Claim;
    } catch {
      throw new StateError(
        `Cannot read the claim "${path}": it is not JSON`,
        'Remove the file when no deployment has the host.',
      );
    }
  }

  function find(id: string): Claim | undefined {
    const hash = hashIn(id);
    const claim = hash === undefined ? undefined : read(hash);
    return claim?.id === id ? claim : undefined;
  }

  /** Writes the whole claim under another name, so that it is there complete or not at all. */
  function publish(claim: Claim, how: (temporary: string, path: string) => void): void {
    const hash = hashIn(claim.id) ?? '';
    const temporary = join(directory, `.${hash}.${randomBytes(6).toString('hex')}`);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileSync(temporary, JSON.stringify(claim), { mode: 0o600, flag: 'wx', flush: true });
      how(temporary, pathOf(hash));
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  return {
    all() {
      const names = ifThere(() => readdirSync(directory), directory) ?? [];
      const hashes = names.flatMap((name) => FILE.exec(name)?.[1] ?? []);
      return new Map(
        hashes.flatMap((hash): [string, Claim][] => {
          const claim = read(hash);
          return claim === undefined ? [] : [[hash, claim]];
        }),
      );
    },
    find,
    take(wanted) {
      const hash = hashOf(wanted.host);
      const claim: Claim = { id: `host-${hash}-${randomBytes(4).toString('hex')}`, ...wanted };
      try {
        publish(claim, linkSync);
      } catch (error) {
        if (hasCode(error, 'EEXIST')) return undefined;
        throw stateError(directory, error);
      }
      return claim;
    },
    replace(claim) {
      try {
        publish(claim, renameSync);
      } catch (error) {
        throw stateError(directory, error);
      }
    },
    giveBack(id) {
      const claim = find(id);
      if (claim === undefined) return;
      const path = pathOf(hashIn(id) ?? '');
      ifThere(() => rmSync(path), path);
    },
  };
}

/** Of the host as it was reached when it was taken. */
function hashIn(id: string): string | undefined {
  return ID.exec(id)?.[1];
}

function ifThere<T>(act: () => T, path: string): T | undefined {
  try {
    return act();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw stateError(path, error);
  }
}

function stateError(path: string, error: unknown): StateError {
  const why = error instanceof Error ? error.message : String(error);
  return new StateError(`Cannot use the claims in "${path}": ${why}`);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
