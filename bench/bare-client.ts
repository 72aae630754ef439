import { readFileSync } from 'node:fs';
import { openSqliteStore } from '../src/state/sqlite-store.ts';
import { eachOf, feedAll } from './feed.ts';
import { BOOTSTRAP, VERIFY } from './machines.ts';

/**
 * What can be had without any orchestration: over one connection to each machine of a state directory, the two
 * scripts are fed to `sh`, as many machines at once as `plan` has handshakes under way.
 */
const AT_ONCE = 32;

interface Reached {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey: string;
}

async function machinesOf(stateDirectory: string): Promise<readonly Reached[]> {
  await using store = await openSqliteStore(stateDirectory);
  const state = await store.load('bench');
  return [...(state?.machines.values() ?? [])].flatMap(({ access }) =>
    access?.kind === 'ssh' ? [{ ...access, privateKey: access.privateKey ?? '' }] : [],
  );
}

const machines = await machinesOf(process.argv[2] ?? '');
const keys = new Map<string, Buffer>();
for (const { privateKey } of machines)
  if (!keys.has(privateKey)) keys.set(privateKey, readFileSync(privateKey));
await eachOf(machines, AT_ONCE, ({ host, port, user, privateKey }) =>
  feedAll({ host, port, username: user, privateKey: keys.get(privateKey) ?? '' }, [BOOTSTRAP, VERIFY]),
);
