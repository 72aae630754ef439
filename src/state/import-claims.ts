import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';

/** What is read of a claim: which deployment has a host. */
interface Claim {
  readonly host?: { readonly address?: string };
  readonly tags?: { readonly uuid?: string; readonly deployment?: string };
}

/** Throws `UsageError` when another deployment of the state directory has a host of this one. */
export function refuseTaken(
  directory: string,
  { name, uuid }: { readonly name: string; readonly uuid: string },
  paths: Iterable<string>,
): void {
  for (const path of paths) {
    if (!path.startsWith('hosts/')) continue;
    const claim = readClaim(join(directory, path));
    if (claim === undefined || claim.tags?.uuid === uuid) continue;
    throw new UsageError(
      `Cannot import "${name}": its host "${claim.host?.address ?? '?'}" belongs to "${claim.tags?.deployment ?? '?'}" here`,
      'Take that deployment down first, or import into another state directory with --state-dir.',
    );
  }
}

/** Gives back the hosts that a deployment had before, and does not have any more. */
export function dropClaims(directory: string, uuid: string, kept: ReadonlySet<string>): void {
  const folder = join(directory, 'hosts');
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!name.endsWith('.json') || kept.has(`hosts/${name}`)) continue;
    if (readClaim(path)?.tags?.uuid === uuid) rmSync(path, { force: true });
  }
}

function readClaim(path: string): Claim | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Claim;
  } catch {
    return undefined;
  }
}
