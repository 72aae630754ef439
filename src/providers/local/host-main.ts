import { closeSync, writeSync } from 'node:fs';

import { startHost } from './host.ts';

/** File descriptor on which the starter waits for one line: `ready`, or `busy` when another host serves already. */
const STARTER = 3;
const MAX_LOGGED = 100_000;

const [, , stateDirectory = ''] = process.argv;
let logged = 0;

function report(error: unknown): void {
  const text = `${new Date().toISOString()} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`;
  logged += text.length;
  if (logged < MAX_LOGGED) process.stderr.write(text);
}

void serve();

async function serve(): Promise<void> {
  try {
    const host = await startHost(stateDirectory);
    // A thousand machines outlive one connection that went wrong in a way nobody thought of.
    process.on('uncaughtException', report);
    writeSync(STARTER, host === undefined ? 'busy\n' : 'ready\n');
    closeSync(STARTER);
    await host?.ended;
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
