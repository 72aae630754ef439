import { expect, it } from 'vitest';
import { ProviderError } from '../../src/providers/provider.ts';
import { createHarness, summary } from '../support/harness.ts';

const ONE = 'version: 1\nname: stack\nlevels: [{ name: app, services: { web: {} } }]\n';

it.each([
  ['not for now', false],
  ['for good', true],
])('down says that it cannot ask whether a machine is gone: %s', async (_, isFinal) => {
  await using harness = await createHarness({ endTime: 10_000 });
  const plan = await harness.plan(ONE);
  await harness.up(plan);
  const begun = harness.clock.now();
  harness.cloud.describe = () => Promise.reject(new ProviderError('RequestExpired', { isFinal }));
  const { outcome, state } = await harness.down(plan);
  expect(outcome).toBe('failed');
  expect(summary(state)).toBe(
    'web-0 failed (terminate: Cannot terminate instance "i-1": whether it is gone cannot be asked: RequestExpired)',
  );
  expect(harness.clock.now() - begun < 10_000).toBe(isFinal);
});

it('down says how long it waited for a machine that lives on', async () => {
  await using harness = await createHarness({ endTime: 1_000_000 });
  const plan = await harness.plan(ONE);
  await harness.up(plan);
  expect(summary((await harness.down(plan)).state)).toBe(
    'web-0 failed (terminate: Cannot terminate instance "i-1": it is not gone after 5m: the provider says "terminating")',
  );
});
