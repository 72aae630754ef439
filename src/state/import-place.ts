import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Cipher } from './cipher.ts';
import type { Database } from './database.ts';
import { explained } from './state-error.ts';

/** What an imported deployment has below a state directory beside its record. */
export function importedPlace({ name, uuid }: { readonly name: string; readonly uuid: string }) {
  return {
    /** Where its key is, when it is not the directory's own. */
    keys: join('keys', uuid),
    /** The files of its plan, when they are not where they were. */
    plan: join('plans', `${name}-${uuid.slice(0, 8)}`),
    /** What is not in its place yet. */
    stage: join('imports', name),
  };
}

/** Removes the key that an imported deployment brought along. */
export function removeImported(directory: string, uuid: string): void {
  const path = join(directory, 'keys', uuid);
  explained(`remove the key in "${path}"`, () => rmSync(path, { recursive: true, force: true }));
}

/** What the digests of a deployment are keyed with; undefined: the key of the state directory. */
export function readPrintKey(db: Database, cipher: Cipher, uuid: string): Buffer | undefined {
  const sealed = db
    .prepare<[string], string | null>('SELECT print_key FROM deployments WHERE uuid = ?')
    .pluck()
    .get(uuid);
  return sealed == null ? undefined : cipher.unsealBytes(Buffer.from(sealed, 'base64'));
}
