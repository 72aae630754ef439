import { expect, it } from 'vitest';
import { isGone } from '../support/processes.ts';
import type { Scenario } from './scenario.ts';
import { machinesOf, scenario } from './scenario.ts';

const LEVELS = `
inputs: { more: { default: 0 } }
levels:
  - name: below
    services:
      server:
        count: 2
        bootstrap:
          run: |
            nohup sleep 600 >/dev/null 2>&1 &
            echo "$PLAN_MACHINE $!" >>"$SHARED/servers"
            echo kept >file
        verify: { run: test -f file, interval: 50ms }
        teardown: { run: 'cat file >>"$SHARED/torn-down"' }
  - name: above
    services:
      user:
        count: "{{inputs.more}}"
        bootstrap: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/users"' }
`;

async function bringUp(): Promise<Scenario> {
  const space = await scenario();
  await space.plan('hosted', LEVELS);
  expect(await space.run(['up', 'hosted.yml'])).toMatchObject({ code: 0 });
  return space;
}

/** What must stay the same when the host is another one. */
async function identities({ status }: Scenario): Promise<readonly unknown[]> {
  return machinesOf(await status('hosted'))
    .filter(({ name }) => name.startsWith('server'))
    .map(({ name, id, address, hostname, state }) => ({ name, id, address, hostname, state }));
}

function servers({ told }: Scenario): readonly number[] {
  return told('servers').map((line) => Number(line.split(' ')[1]));
}

it('status tells what it knew when the host of the machines was killed', async () => {
  const space = await bringUp();
  const before = await identities(space);
  await space.killHost();
  expect(await space.run(['status', 'hosted'])).toMatchObject({ code: 0 });
  expect(await identities(space)).toEqual(before);
  expect(servers(space).filter(isGone)).toEqual([]);
});

it('up brings the machines back under the same addresses, with what runs on them, and goes on', async () => {
  const space = await bringUp();
  const before = await identities(space);
  const host = space.hostPid();
  await space.killHost();
  expect(await space.run(['up', 'hosted.yml', '--input', 'more=2'])).toMatchObject({ code: 0 });
  expect(await identities(space)).toEqual(before);
  expect(space.hostPid()).not.toBe(host);
  expect(servers(space)).toHaveLength(2);
  expect(servers(space).filter(isGone)).toEqual([]);
  expect(space.told('users').toSorted()).toEqual(['user-0', 'user-1']);
});

it('down runs teardowns on the machines that came back, and ends all that ran on them', async () => {
  const space = await bringUp();
  await space.killHost();
  expect(await space.run(['down', '--yes'])).toMatchObject({ code: 0 });
  expect(space.told('torn-down')).toEqual(['kept', 'kept']);
  expect(servers(space).filter((pid) => !isGone(pid))).toEqual([]);
});

it('up goes on when the host is killed in the middle of a bootstrap, which runs once', async () => {
  const space = await scenario();
  await space.plan(
    'middle',
    `
levels:
  - name: only
    services:
      slow:
        count: 3
        bootstrap:
          run: |
            echo "$PLAN_MACHINE" >>"$SHARED/began"
            echo "line one"
            until [ -e "$SHARED/go" ]; do sleep 0.05; done
            echo "line two"
        verify: { run: 'true' }
`,
  );
  const killed = { done: null as Promise<void> | null };
  const up = await space.run(['up', 'middle.yml', '-v'], {
    onStderr() {
      if (space.told('began').length < 3) return;
      killed.done ??= space.killHost().then(() => space.write('shared/go', ''));
    },
  });
  await killed.done;
  expect(killed.done).not.toBeNull();
  expect(up).toMatchObject({ code: 0 });
  expect(space.told('began').toSorted()).toEqual(['slow-0', 'slow-1', 'slow-2']);
  for (const machine of ['slow-0', 'slow-1', 'slow-2'])
    expect((await space.run(['logs', machine, '-d', 'middle'])).stdout).toBe('line one\nline two\n');
});
