import { closeSync, writeSync } from 'node:fs';
import { keeperIdentity } from './identity.ts';
import { startKeeper } from './keeper.ts';
import { keeperPlace } from './place.ts';

/** File descriptor on which the starter waits for a word: `ready`, `busy` when another keeper is there, or why not. */
const STARTER = 3;

const [, script = '', stateDirectory = ''] = process.argv;

process.umask(0o077);
void serve();

async function serve(): Promise<void> {
  try {
    const place = keeperPlace(stateDirectory);
    const keeper = await startKeeper({ place, identity: keeperIdentity(script) });
    const stop = (): void => {
      keeper?.leave();
      process.exit(0);
    };
    process.on('SIGTERM', stop).on('SIGINT', stop).on('uncaughtException', stop);
    say(keeper === undefined ? 'busy' : 'ready');
    await keeper?.ended;
    process.exit(0);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

function say(word: string): void {
  try {
    writeSync(STARTER, word);
    closeSync(STARTER);
  } catch {
    // Whoever started it did not wait; the next command finds it.
  }
}
