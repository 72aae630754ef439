import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Account } from '../support/ec2/signature.ts';
import { machinesMissing } from '../support/ec2/machines.ts';
import { cloudScenario } from './cloud-scenario.ts';
import { leaksOf, sessionAccount, writePlan } from './ec2-plan.ts';

const missing = machinesMissing();
const LEVELS = 'levels: [{ name: one, services: { web: { count: 1, bootstrap: { run: "true" } } } }]\n';

describe.skipIf(missing !== undefined)(`on machines${missing === undefined ? '' : `: ${missing}`}`, () => {
  it('another region is refused while machines live; new credentials change nothing', async () => {
    const first = sessionAccount();
    // The same account, as it signs in for the next time.
    const next: Account & { readonly sessionToken: string } = {
      ...sessionAccount(),
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
    };
    const space = await cloudScenario({ accounts: [first, next], regions: ['us-west-2', 'us-east-1'] });
    const { endpoint, run } = space;
    const up = await run(['up', await writePlan(space, 'fleet', LEVELS), '-v']);
    expect(up.code).toBe(0);
    const ids = space.alive();

    endpoint.expire();
    onTestFinished(() => endpoint.expire(false));
    const env = { EC2_KEY: next.accessKeyId, EC2_SECRET: next.secretAccessKey, EC2_TOKEN: next.sessionToken };
    const again = await run(['up', 'fleet.yml'], { env });
    expect([again.code, again.stderr]).toEqual([
      0,
      expect.stringContaining('there is nothing to do') as unknown,
    ]);
    expect(await run(['diff', 'fleet.yml', '--exit-code'], { env })).toMatchObject({ code: 0 });
    const verified = await run(['status', 'fleet', '--refresh', '-v'], { env });
    expect(verified.code).toBe(0);
    const repaired = await run(['repair', 'fleet', '--yes', '-v'], { env });
    expect(repaired.code).toBe(0);
    expect(space.alive()).toEqual(ids);

    const elsewhere = await writePlan(space, 'fleet', LEVELS.replace('count: 1', 'count: 2'), {
      provider: { region: 'us-east-1' },
      image: endpoint.fixtures({ region: 'us-east-1' }).debian,
    });
    const moved = await run(['up', elsewhere, '--yes'], { env });
    expect(moved.code).toBe(2);
    expect(moved.stderr).toMatch(/its machines are in "us-west-2 at .*, the plan says "us-east-1 at /);
    expect(moved.stderr).toContain('\nBring the machines down with the old region and endpoint first');
    expect(moved.stderr).not.toContain('plan recorded');
    expect(space.alive()).toEqual(ids);
    const secrets = [first, next].flatMap(({ secretAccessKey, sessionToken }) => [
      secretAccessKey,
      sessionToken,
    ]);
    expect(await leaksOf(space, [up, again, verified, repaired, moved], secrets)).toEqual([]);
    endpoint.expire(false);
    const down = await run(['down', 'fleet', '--yes'], { env });
    expect(down.code).toBe(0);
    expect(space.alive()).toEqual([]);
  });
});
