import { testProviderContract } from '../provider-contract.ts';
import { batchOf, createTestPool, requestFor } from './pool.ts';

testProviderContract('hosts', () => {
  const pool = createTestPool();
  const options = { hosts: ['10.0.0.1', 'ann@10.0.0.2:2222', { address: 'web.example' }, '10.0.0.4'] };
  return Promise.resolve({
    provider: pool.open(options),
    openAnother: () => Promise.resolve(pool.open(options)),
    batch: (token, count, tags) => batchOf(token, count, { ...requestFor('web'), tags }, 1),
    dispose: () => {
      pool[Symbol.dispose]();
      return Promise.resolve();
    },
  });
});
