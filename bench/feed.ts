import { Client } from 'ssh2';
import type { ConnectConfig } from 'ssh2';

/** Feeds scripts to `sh` one after the other, over one connection. */
export async function feedAll(config: ConnectConfig, scripts: readonly string[]): Promise<void> {
  const client = await connect(config);
  for (const script of scripts) await feed(client, script);
  client.end();
}

/** Works on so many items at once, in their order. */
export async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
    }),
  );
}

function connect(config: ConnectConfig): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.once('ready', () => resolve(client)).once('error', reject);
    client.connect(config);
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
