import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOperatorProvider } from '../../../src/providers/operator/operator.ts';
import { testProviderContract } from '../provider-contract.ts';
import { batchOf } from './batch.ts';

testProviderContract('operator', async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'plan operator-'));
  return {
    provider: createOperatorProvider({ stateDirectory }),
    openAnother: () => Promise.resolve(createOperatorProvider({ stateDirectory })),
    batch: batchOf,
    dispose: () => rm(stateDirectory, { recursive: true }),
  };
});
