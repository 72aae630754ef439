import { expect, it } from 'vitest';
import { machinesOf, scenario, states } from './scenario.ts';

const LEVELS = `
inputs: { least: { default: 2 } }
levels:
  - name: below
    services:
      node:
        count: { min: "{{inputs.least}}", max: 4 }
        bootstrap: { run: 'test "$PLAN_INDEX" != 1 || exit 3' }
        verify: { run: 'test "$PLAN_INDEX" != 3', fatalExitCodes: [1] }
      empty: { count: 0 }
  - name: above
    services:
      user:
        env: { NODES: "{{join services.node.all.name ' '}}", LOWEST: "{{services.node.name}}", EMPTY: "{{join services.empty.all.name ','}}" }
        bootstrap: { run: 'echo "$NODES ($LOWEST) [$EMPTY]" >>"$SHARED/nodes"' }
`;

it('a level passes with at least min machines, and later levels see those that are ready', async () => {
  const space = await scenario();
  await space.plan('enough', LEVELS);
  const up = await space.run(['up', 'enough.yml']);
  expect([up.code, up.stdout]).toEqual([0, '']);
  expect(space.told('nodes')).toEqual(['node-0 node-2 (node-0) []']);
  const document = await space.status('enough');
  expect(document.state).toBe('degraded');
  expect(document.levels[0]?.services).toMatchObject([
    { name: 'node', count: 4, min: 2, ready: 2, state: 'degraded' },
    { name: 'empty', count: 0, ready: 0, state: 'ready', machines: [] },
  ]);
  expect(states(document)).toEqual([
    'node-0 ready',
    'node-1 failed',
    'node-2 ready',
    'node-3 failed',
    'user-0 ready',
  ]);
  expect(await space.run(['status', 'enough'])).toMatchObject({ code: 0 });
  expect(await space.run(['down', '--yes'])).toMatchObject({ code: 0 });
  expect(new Set(machinesOf(await space.status('enough')).map(({ state }) => state))).toEqual(
    new Set(['terminated']),
  );
});

it('a level fails with fewer than min', async () => {
  const space = await scenario();
  await space.plan('too-few', LEVELS);
  const up = await space.run(['up', 'too-few.yml', '--input', 'least=3']);
  expect(up.code).toBe(1);
  expect(space.told('nodes')).toEqual([]);
  const document = await space.status('too-few');
  expect(document.levels.map(({ state }) => state)).toEqual(['failed', 'pending']);
  expect(document.levels[0]?.services[0]).toMatchObject({ min: 3, ready: 2, state: 'failed' });
});

it('the members of a service are told of one another before any of them bootstraps', async () => {
  const space = await scenario();
  await space.plan(
    'quorum',
    `
levels:
  - name: only
    services:
      member:
        count: 3
        local: { bootDelay: 300ms }
        env: { PEERS: "{{join services.member.all.hostname ','}}", HELPER: "{{services.helper.hostname}}" }
        bootstrap: { run: 'echo "$PEERS $HELPER" >>"$SHARED/peers"' }
      helper: { local: { bootDelay: 600ms } }
`,
  );
  expect(await space.run(['up', 'quorum.yml'])).toMatchObject({ code: 0 });
  const machines = await space.machines('quorum');
  const hostOf = (name: string) => machines.get(name)?.hostname;
  const line = `${['member-0', 'member-1', 'member-2'].map(hostOf).join(',')} ${hostOf('helper-0')}`;
  expect(space.told('peers')).toEqual([line, line, line]);
});
