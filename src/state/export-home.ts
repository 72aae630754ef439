import { createHmac } from 'node:crypto';
import { declaredProvider } from '../colocation.ts';
import { StateError } from '../errors.ts';
import { readKey } from './cipher.ts';
import type { Database } from './database.ts';
import type { DeploymentJson, Home } from './export-entry.ts';

/** Providers whose machines are on this computer, whether or not they have any. */
const HERE = ['local', 'operator'];

/** True for the id of a machine that is on the computer that made it, or shares one there. */
export function isHereId(id: unknown): boolean {
  return typeof id === 'string' && /^(?:local|operator)-/.test(id);
}

/** Of the providers whose machines are on this computer: the state directory that has these. */
export function homesOf(
  db: Database,
  id: number,
  directory: string,
  { scopes, places = {} }: DeploymentJson,
): Readonly<Record<string, Home>> {
  const found = db
    .prepare<[number], string>(
      `SELECT DISTINCT record ->> '$.provider' FROM instances
       WHERE deployment = ? AND (id GLOB 'local-*' OR id GLOB 'operator-*')`,
    )
    .pluck()
    .all(id)
    .map(declaredProvider);
  const names = new Set([...found, ...scopes.filter((name) => HERE.includes(name))]);
  return Object.fromEntries([...names].map((name) => [name, homeAt(places[name] ?? directory)]));
}

function homeAt(directory: string): Home {
  return { directory, proof: proofOf(directory) };
}

/** True when it is on this computer. */
export function isHome({ directory, proof }: Home): boolean {
  return proof !== null && proofOf(directory) === proof;
}

/** Only who has read the key of the directory can tell. */
function proofOf(directory: string): string | null {
  try {
    return createHmac('sha256', readKey(directory)).update('machines of this computer').digest('hex');
  } catch (error) {
    if (error instanceof StateError) return null;
    throw error;
  }
}
