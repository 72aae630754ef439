import { expect, it } from 'vitest';
import { createHarness } from '../support/harness.ts';

const CLOUD = `
version: 1
name: stack
inputs: { size: { default: 20 } }
providers: { west: { type: ec2, region: us-west-2 } }
levels:
  - name: app
    services:
      web:
        provider: west
        image: { owner: self, name: "{{deployment.name}} \\"{{self.service}}\\" *" }
        local: { bootDelay: 1s }
        ec2:
          instanceType: [t3.micro, "t3.{{inputs.size}}"]
          rootVolume: { sizeGiB: "{{inputs.size}}", encrypted: "{{eq self.service 'web'}}" }
          spot: true
          userData: "on {{self.level}}"
          tags: { text: "{{self.service}}" }
`;

it('a request has the options of its provider’s type, rendered, and an image that is asked for as JSON', async () => {
  await using harness = await createHarness();
  await harness.up(await harness.plan(CLOUD));
  const { image, options } = harness.cloud.instances[0]?.request ?? {};
  expect(JSON.parse(image ?? '')).toEqual({ owner: 'self', name: 'stack "web" *' });
  expect(options).toEqual({
    instanceType: ['t3.micro', 't3.20'],
    rootVolume: { sizeGiB: 20, encrypted: 'true' },
    spot: {},
    userData: 'on app',
    tags: { text: 'web' },
  });
});

it('machines whose host key is their own are launched one by one', async () => {
  await using harness = await createHarness();
  const keys = 'provider: west\n        count: 3\n        ssh: { hostKey: perMachine }';
  await harness.up(await harness.plan(CLOUD.replace('provider: west', keys)));
  expect(harness.cloud.calls.launch).toBe(3);
});

it('a request says where sshd listens on its machines', async () => {
  await using harness = await createHarness();
  const ports = 'provider: west\n        count: 2\n        ssh: { port: "22{{self.index}}2" }';
  await harness.up(await harness.plan(CLOUD.replace('provider: west', ports)));
  expect(harness.cloud.instances[0]?.request.sshPorts).toEqual([2202, 2212]);
});
