import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { keeperIdentity } from '../../../src/connection/keeper/identity.ts';
import { createKeeperClient } from '../../../src/connection/keeper/keeper-client.ts';
import type { KeeperClient } from '../../../src/connection/keeper/keeper-client.ts';
import { keeperScript } from '../../../src/connection/keeper/keeper-process.ts';
import { startKeeper } from '../../../src/connection/keeper/keeper.ts';
import type { Keeper } from '../../../src/connection/keeper/keeper.ts';
import { keeperPlace } from '../../../src/connection/keeper/place.ts';
import type { openConnection } from '../../../src/connection/open.ts';
import { sshdMissing, startSshd } from '../../support/sshd.ts';
import { connectionContract } from '../connection-contract.ts';
import { terminalContract } from '../terminal-contract.ts';

const script = keeperScript();

let stateDirectory: string;
let keeper: Keeper | undefined;
let client: KeeperClient;
let machines = 0;

/** Every connection is to a machine of its own, so that none is used again. */
const openKept: typeof openConnection = (access, options) =>
  client.open(access, options, String((machines += 1)));

if (sshdMissing() === undefined) {
  beforeAll(async () => {
    stateDirectory = mkdtempSync(join(tmpdir(), 'plan-kept-'));
    keeper = await startKeeper({ place: keeperPlace(stateDirectory), identity: keeperIdentity(script) });
    client = createKeeperClient({
      stateDirectory,
      keep: 1,
      script,
      onWarning: (message) => {
        throw new Error(message);
      },
    });
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await keeper?.ended;
    rmSync(stateDirectory, { recursive: true });
  });

  connectionContract('a kept connection', startSshd, new Set(), openKept);
  terminalContract('terminals of a kept connection', startSshd, openKept);
}
