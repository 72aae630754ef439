import { expect, it } from 'vitest';
import { scenario } from './scenario.ts';

const WRONG = `SHA256:${'a'.repeat(43)}`;

it('up trusts the first key that it sees where the plan says so, and knows it from then on', async () => {
  const space = await scenario();
  const plan = await space.plan(
    'pinned',
    'levels:\n  - { name: one, services: { web: { ssh: { hostKey: pinFirst }, bootstrap: { run: "true" } } } }\n',
  );
  expect((await space.run(['up', plan])).code).toBe(0);
  expect((await space.run(['up', plan])).code).toBe(0);
  const down = await space.run(['down', '--yes', 'pinned']);
  expect(down.code).toBe(0);
});

it('a wrong fingerprint is refused before a script runs; the corrected plan goes on; down cleans up', async () => {
  const space = await scenario();
  const levels = (hostKey: string): string =>
    `levels:\n  - name: one\n    services:\n      web: { ssh: { hostKey: "${hostKey}" }, ` +
    `bootstrap: { run: 'echo ran >> "$SHARED/ran"' }, teardown: { run: 'echo end >> "$SHARED/ran"' } }\n`;
  const plan = await space.plan('refused', levels(WRONG));

  const up = await space.run(['up', plan]);
  expect([up.code, up.stderr.includes(`the plan says ${WRONG}`)]).toEqual([1, true]);
  const failed = (await space.machines('refused')).get('web-0');
  expect(failed).toMatchObject({ state: 'failed', failure: { step: 'connect', reason: 'host-key' } });
  expect(space.told('ran')).toEqual([]);

  const shown = /it shows the host key (\S+),/.exec(failed?.failure?.message ?? '')?.[1] ?? '';
  await space.plan('refused', levels(shown));
  expect((await space.run(['up', plan])).code).toBe(0);
  expect((await space.machines('refused')).get('web-0')).toMatchObject({ state: 'ready', id: failed?.id });
  expect((await space.run(['down', '--yes', 'refused'])).code).toBe(0);
  expect(space.told('ran')).toEqual(['ran', 'end']);
});

it('a known host that nobody knows is refused, and down leaves nothing of it', async () => {
  const space = await scenario();
  const plan = await space.plan(
    'unknown',
    'levels:\n  - { name: one, services: { web: { ssh: { hostKey: knownHosts } } } }\n',
  );
  expect((await space.run(['up', plan])).code).toBe(1);
  const { failure } = (await space.machines('unknown')).get('web-0') ?? {};
  expect(failure).toMatchObject({ reason: 'host-key' });
  expect(failure?.message).toMatch(/not in the known hosts/);
  expect((await space.run(['down', '--yes', 'unknown'])).code).toBe(0);
});

it.each([
  [
    'a key that is missing',
    'privateKey: keys/none',
    'unreachable',
    /Cannot read the private key ".*\/keys\/none"/,
  ],
  ['a key below the home', 'privateKey: ~/no such key', 'unreachable', /"\/[^~]*\/no such key"/],
  [
    'a port',
    'port: "{{services.first.name}}"',
    'template',
    /"ssh.port" is not a port from 1 to 65535: "first-0"/,
  ],
  [
    'a host key',
    'hostKey: "{{services.first.name}}"',
    'template',
    /"ssh.hostKey" is not knownHosts, pinFirst/,
  ],
  ['a jump', 'jump: "{{services.first.name}}@"', 'template', /"ssh.jump" is not \[user@\]host/],
])('%s that is wrong fails at once and says so', async (_what, ssh, reason, message) => {
  const space = await scenario();
  const plan = await space.plan(
    'wrong',
    `levels:\n  - { name: one, services: { first: } }\n  - { name: two, services: { web: { ssh: { ${ssh} } } } }\n`,
  );
  expect((await space.run(['up', plan])).code).toBe(1);
  const { failure } = (await space.machines('wrong')).get('web-0') ?? {};
  expect(failure).toMatchObject({ reason });
  expect(failure?.message).toMatch(message);
});

it('a private key is found relative to the level file that mentions it, and a machine is reached through another', async () => {
  const space = await scenario();
  const gate = '  - { name: one, services: { gate: } }\n';
  await space.plan('behind', `levels:\n${gate}`);
  expect((await space.run(['up', 'behind.yml'])).code).toBe(0);
  const events = (await space.run(['events', 'behind', '--json'])).stdout;
  const port = /"port":\s*(\d+)/.exec(events)?.[1] ?? '';

  await space.write(
    'levels/two.yml',
    'name: two\nservices:\n  web:\n    count: 3\n    ssh:\n      privateKey: ../.plan/keys/id_ed25519\n' +
      `      hostKey: pinFirst\n      jump: "{{services.gate.address}}:${port}"\n` +
      '    bootstrap: { run: \'echo "$PLAN_MACHINE" >> "$SHARED/ran"\' }\n    verify: { run: "true" }\n',
  );
  await space.plan('behind', `levels:\n${gate}  - file: levels/two.yml\n`);
  const up = await space.run(['up', 'behind.yml']);
  expect([up.code, up.stderr]).toEqual([0, expect.stringContaining('behind is ready')]);
  expect(space.told('ran').toSorted()).toEqual(['web-0', 'web-1', 'web-2']);
});
