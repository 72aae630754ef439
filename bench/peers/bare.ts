import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { program } from '../paths.ts';
import type { Field } from './field.ts';
import type { Peer } from './peer.ts';
import { measureWhole } from './whole.ts';

/** What the bare client is told, as JSON in a file. */
export interface BareWork extends Pick<Field, 'port' | 'user' | 'privateKey' | 'hostKey'> {
  readonly groups: readonly (readonly string[])[];
  /** Paths. */
  readonly scripts: readonly string[];
}

/** ssh2 as it is: the two scripts are fed to `sh` over one connection to each host, a group after the other. */
export async function bareClient(field: Field): Promise<Peer> {
  const { groups, scripts, port, user, privateKey, hostKey, directory } = field;
  const path = join(directory, 'bare.json');
  const work: BareWork = {
    groups: Object.values(groups),
    scripts: [scripts.bootstrap, scripts.verify],
    port,
    user,
    privateKey,
    hostKey,
  };
  await writeFile(path, JSON.stringify(work));
  return {
    name: 'a bare ssh2 client',
    limit: 1.6,
    missing: undefined,
    run: () => measureWhole([process.execPath, program('peers/bare-main'), path], { cwd: directory }),
  };
}
