import { createLocalProvider } from '../../../src/providers/local/local.ts';
import { launchRequest } from '../../support/launch-request.ts';
import { createLocalMachines } from '../../support/local-machines.ts';
import { testProviderContract } from '../provider-contract.ts';
import type { ContractSubject } from '../provider-contract.ts';

async function open(inProcess: boolean): Promise<ContractSubject> {
  const machines = await createLocalMachines({ inProcess });
  return {
    provider: machines.provider,
    openAnother: () => Promise.resolve(createLocalProvider({ stateDirectory: machines.stateDirectory })),
    batch: (token, count, tags) => ({
      token,
      machines: Array.from({ length: count }, (_, index) => ({ name: `web-${index}`, generation: 1 })),
      min: 1,
      request: launchRequest({ labels: { tier: 'front' }, tags }),
    }),
    dispose: async () => machines[Symbol.asyncDispose](),
  };
}

testProviderContract('local', () => open(true));
testProviderContract('local in a host process of its own', () => open(false));
