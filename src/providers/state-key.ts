import { join } from 'node:path';

import { StateError } from '../errors.ts';
import { ensureKeyPair } from '../keys.ts';
import { ProviderError } from './provider.ts';

/** The key of a state directory that opens machines: those on this computer, and those whose plan names no other one. */
export function ensureStateKey(stateDirectory: string): ReturnType<typeof ensureKeyPair> {
  try {
    return ensureKeyPair(keysDirectory(stateDirectory));
  } catch (error) {
    throw error instanceof StateError ? new ProviderError(error.message, { cause: error }) : error;
  }
}

/** Where its private half is, whether it is made or not. */
export function stateKeyPath(stateDirectory: string): string {
  return join(keysDirectory(stateDirectory), 'id_ed25519');
}

function keysDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'keys');
}
