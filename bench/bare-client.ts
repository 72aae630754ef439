import { readFileSync } from 'node:fs';
import { Client } from 'ssh2';
import { openSqliteStore } from '../src/state/sqlite-store.ts';
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

function connect(machine: Reached, privateKey: Buffer): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.once('ready', () => resolve(client)).once('error', reject);
    client.connect({ host: machine.host, port: machine.port, username: machine.user, privateKey });
  });
}

function feed(client: Client, script: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.exec('sh', (error, channel) => {
      if (error !== undefined) {
        reject(error);
        return;
      }
      channel.resume();
      channel.stderr.resume();
      channel.on('close', (code: number) => {
        if (code === 0) resolve();
        else reject(new Error(`The script ended with ${code}.`));
      });
      channel.end(script);
    });
  });
}

async function run(machine: Reached, privateKey: Buffer): Promise<void> {
  const client = await connect(machine, privateKey);
  await feed(client, BOOTSTRAP);
  await feed(client, VERIFY);
  client.end();
}

const machines = await machinesOf(process.argv[2] ?? '');
const keys = new Map<string, Buffer>();
for (const { privateKey } of machines)
  if (!keys.has(privateKey)) keys.set(privateKey, readFileSync(privateKey));
const queue = [...machines];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      await run(next, keys.get(next.privateKey) ?? Buffer.alloc(0));
  }),
);
