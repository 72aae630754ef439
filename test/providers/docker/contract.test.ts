import { createDockerProvider } from '../../../src/providers/docker/docker.ts';
import { describe } from 'vitest';
import { BUSYBOX, dockerMissing, startDocker } from '../../support/docker.ts';
import { testProviderContract } from '../provider-contract.ts';

const missing = dockerMissing();

describe.skipIf(missing !== undefined)(`containers${missing ? `: ${missing}` : ''}`, () => {
  testProviderContract('docker', async () => {
    const docker = await startDocker();
    const open = () => createDockerProvider({ host: docker.address, context: null, place: null });
    const provider = await open();
    return {
      provider,
      openAnother: open,
      batch: (token, count, tags) => ({
        token,
        machines: Array.from({ length: count }, (_, index) => ({
          name: `${token}-${index}`,
          generation: 1,
        })),
        min: 1,
        request: {
          service: token,
          image: BUSYBOX,
          directory: '/',
          options: {},
          labels: { role: 'tested' },
          tags,
          handsHostKey: false,
          resolved: null,
        },
      }),
      async dispose() {
        await provider.close();
        await docker[Symbol.asyncDispose]();
      },
    };
  });
});
