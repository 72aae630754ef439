import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { StateError } from '../errors.ts';
import { ensureKeyPair } from '../keys.ts';
import { ProviderError } from './provider.ts';

/**
 * The key of a state directory that opens machines: those on this computer, and those whose plan names no other one. A
 * deployment (by its uuid) that was imported may have one of its own.
 */
export function ensureStateKey(stateDirectory: string, uuid?: string): ReturnType<typeof ensureKeyPair> {
  try {
    return ensureKeyPair(keysDirectory(stateDirectory, uuid));
  } catch (error) {
    throw error instanceof StateError ? new ProviderError(error.message, { cause: error }) : error;
  }
}

/** Where its private half is, whether it is made or not. */
export function stateKeyPath(stateDirectory: string, uuid?: string): string {
  return join(keysDirectory(stateDirectory, uuid), 'id_ed25519');
}

function keysDirectory(stateDirectory: string, uuid = ''): string {
  const directory = join(stateDirectory, 'keys');
  const imported = join(directory, uuid);
  return uuid !== '' && existsSync(imported) ? imported : directory;
}
