import { describe, expect, it } from 'vitest';
import { createHarness } from '../support/harness.ts';

function planOf(labels: string): string {
  return `
version: 1
name: stack
inputs:
  token: { sensitive: true }
  tier: { default: front }
levels:
  - name: app
    services:
      web: { labels: ${labels} }
`;
}

describe('the labels that are recorded of a machine', () => {
  it('are those that its provider was given, and never show a sensitive input', async () => {
    await using harness = await createHarness();
    const labels = '{ tier: "{{inputs.tier}}", owner: "of {{inputs.token}}" }';
    const { state } = await harness.up(await harness.plan(planOf(labels), ['token=hush-hush']));
    expect(harness.cloud.instances[0]?.labels).toEqual({ tier: 'front', owner: 'of hush-hush' });
    expect(state.machines.get('web-0')?.labels).toEqual({ tier: 'front', owner: '***' });

    const fewer = '{ tier: "{{inputs.token}}" }';
    const after = await harness.up(await harness.plan(planOf(fewer), ['token=hush-hush']));
    expect(harness.cloud.instances[0]?.labels).toEqual({ tier: 'hush-hush' });
    expect(after.state.machines.get('web-0')?.labels).toEqual({ tier: '***' });
  });
});
