import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StateError } from '../errors.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { SshFiles } from './ssh-words.ts';

/** Where a state directory keeps the files of a deployment for OpenSSH's client. */
export function sshDirectory(directory: string, deployment: string): string {
  return join(directory, 'ssh', deployment);
}

/** Writes the files that OpenSSH's client needs for the machines of a deployment. */
export async function writeSshFiles(directory: string, state: DeploymentState): Promise<SshFiles> {
  const place = sshDirectory(directory, state.name);
  const files = { knownHosts: join(place, 'known_hosts'), jumpHosts: join(place, 'jump_hosts') };
  const text = [...state.machines.values()]
    .flatMap(({ name, access }) =>
      access?.kind === 'ssh' && access.hostKey !== null ? [`${name} ${access.hostKey}\n`] : [],
    )
    .join('');
  try {
    if ((await textOf(files.knownHosts)) !== text) await replaceFile(place, files.knownHosts, text);
  } catch (error) {
    throw new StateError(`Cannot write "${files.knownHosts}": ${(error as Error).message}`);
  }
  return files;
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Whole or not at all: programs read it at any time. */
async function replaceFile(directory: string, path: string, text: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
