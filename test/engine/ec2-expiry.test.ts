import { expect, it, vi } from 'vitest';
import { createEc2Harness } from './ec2-crash-harness.ts';

const LEVELS = `
levels:
  - name: only
    services:
      web: { count: 3, bootstrap: { run: "true" } }
`;

it('credentials that expire while machines boot end the operation at once, and no machine', async () => {
  await using space = await createEc2Harness({ settings: { bootTime: 5_000, endTime: 150 } });
  const { clock, endpoint } = space;
  const plan = await space.plan(LEVELS);
  const from = clock.now();
  const begun = space.process('up', plan);
  await vi.waitUntil(() => endpoint.instances().length === 3, { timeout: 10_000 });
  endpoint.expire();
  const cut = (await begun).result;
  expect(cut?.outcome).toBe('failed');
  expect(clock.now() - from).toBeLessThan(60_000);
  const failures = [...(cut?.state.machines.values() ?? [])].map(({ failure }) => failure?.message);
  const told = expect.stringMatching(/RequestExpired: [^]*renew the session token/) as unknown;
  expect(failures).toEqual([told, told, told]);
  endpoint.expire(false);
  const up = (await space.process('up', plan)).result;
  expect(up?.outcome).toBe('succeeded');
  expect(up?.state.instances.size).toBe(3);
  expect(endpoint.instances()).toHaveLength(3);

  endpoint.expire();
  const downFrom = clock.now();
  expect((await space.process('down', plan)).result?.outcome).toBe('failed');
  expect(clock.now() - downFrom).toBeLessThan(60_000);
  expect(space.alive()).toHaveLength(3);
  endpoint.expire(false);
  expect((await space.process('down', plan)).result?.outcome).toBe('succeeded');
  expect(space.alive()).toEqual([]);
});
