import { expect, it } from 'vitest';
import { scenario } from './scenario.ts';

const LEVELS = `
inputs:
  here: { env: HERE, sensitive: true }
  there: { env: THERE, sensitive: true }
  token: { env: TOKEN, sensitive: true }
providers:
  near: { type: "{{inputs.here}}" }
  far: { type: "{{inputs.there}}" }
levels:
  - name: one
    services:
      web: { provider: near, env: { TOKEN: "{{inputs.token}}" } }
      none: { provider: far, count: 0 }
`;

it('down asks for inputs of the providers that machines are from, and for nothing more, --skip-teardown or not', async () => {
  const space = await scenario();
  const file = await space.plan('inputs', LEVELS);
  const env = { HERE: 'local', THERE: 'local', TOKEN: 't0ken' };
  expect(await space.run(['up', file], { env })).toMatchObject({ code: 0 });
  for (const flags of [[], ['--skip-teardown']]) {
    const refused = await space.run(['down', '--yes', ...flags]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /Cannot go on without input "here": it has no value\n[^]*there is a problem/,
    );
    expect(refused.stderr).not.toMatch(/input "(there|token)"/);
  }
  const here = { env: { HERE: 'local' } };
  expect(await space.run(['down', '--yes', '--skip-teardown'], here)).toMatchObject({ code: 0 });
  expect(await space.run(['down', '--yes', '--skip-teardown'])).toMatchObject({ code: 0 });
});
