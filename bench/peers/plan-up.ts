import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CLI } from '../paths.ts';
import type { Field } from './field.ts';
import type { Contestant } from './peer.ts';
import { measureWhole } from './whole.ts';

/** `plan up` of the groups as two levels, with a state directory that is new. */
export function planUp(field: Field): Contestant {
  return {
    name: 'plan up',
    async run() {
      const cwd = await mkdtemp(join(field.directory, 'plan-'));
      await writeFile(join(cwd, 'plan.yml'), planText(field));
      try {
        return await measureWhole(
          [process.execPath, CLI, 'up', 'plan.yml', '--state-dir', join(cwd, 'state'), '--progress', 'quiet'],
          { cwd, env: { HOME: cwd } },
        );
      } finally {
        await rm(cwd, { recursive: true, force: true });
      }
    },
  };
}

function planText({ groups, port, user, privateKey, fingerprint, scripts }: Field): string {
  const names = Object.keys(groups);
  return JSON.stringify({
    version: 1,
    name: 'bench',
    providers: { pool: { type: 'hosts', hosts: Object.values(groups).flat() } },
    defaults: { provider: 'pool', ssh: { user, port, privateKey, hostKey: fingerprint } },
    levels: names.map((name) => ({
      name,
      services: { [`${name}-hosts`]: { count: groups[name]?.length, ...scripts } },
    })),
  });
}
