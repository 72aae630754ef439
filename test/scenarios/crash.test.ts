import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { until } from '../support/until.ts';
import type { Scenario } from './scenario.ts';
import { logOf, scenario } from './scenario.ts';
import { processesOf } from './traces.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

const LEVELS = `
levels:
  - name: below
    services:
      done: { count: 2, bootstrap: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/began"' } }
  - name: middle
    services:
      slow:
        count: 3
        bootstrap:
          run: |
            echo "$PLAN_MACHINE" >>"$SHARED/began"
            echo "before the crash"
            until [ -e "$SHARED/killed" ]; do sleep 0.05; done
            echo "nobody watches"
            echo "$PLAN_MACHINE" >>"$SHARED/unwatched"
            until [ -e "$SHARED/resumed" ]; do sleep 0.05; done
            echo "after the crash"
            echo "number=$PLAN_INDEX" >>"$PLAN_OUTPUT"
        outputs: [number]
        verify: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/verified"' }
        teardown: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/torn-down"' }
  - name: above
    services:
      user: { bootstrap: { run: 'echo "$1" >>"$SHARED/numbers"', args: ["{{join services.slow.all.number ','}}"] } }
`;

/** Runs `plan up` as a process of its own and kills it once it follows all three bootstraps of the middle level. */
async function killedUp(space: Scenario): Promise<void> {
  const child = spawn(
    process.execPath,
    [MAIN, 'up', 'crashing.yml', '-v', '--state-dir', space.stateDirectory],
    {
      cwd: space.path,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await Promise.race([
    until(() => said.split('before the crash').length === 4),
    ended.then(() => {
      throw new Error(said);
    }),
  ]);
  child.kill('SIGKILL');
  await ended;
}

it('up goes on with the bootstraps that ran when it was killed: each runs once and is logged whole', async () => {
  const space = await scenario();
  await space.plan('crashing', LEVELS);
  await killedUp(space);
  expect((await space.status('crashing')).operation).toMatchObject({ kind: 'up', endedAt: null });
  await space.write('shared/killed', '');
  await until(() => space.told('unwatched').length === 3);
  await until(() => !processesOf(space.stateDirectory).some(({ command }) => command.startsWith('tail ')));

  const resumed = { done: null as Promise<void> | null };
  const up = await space.run(['up', 'crashing.yml', '-v'], {
    onStderr(line) {
      if (line.includes('nobody watches')) resumed.done ??= space.write('shared/resumed', '');
    },
  });
  await resumed.done;
  expect(up).toMatchObject({ code: 0 });
  expect(space.told('began').toSorted()).toEqual(['done-0', 'done-1', 'slow-0', 'slow-1', 'slow-2']);
  expect(space.told('verified').toSorted()).toEqual(['slow-0', 'slow-1', 'slow-2']);
  expect(space.told('numbers')).toEqual(['0,1,2']);
  const machines = await space.machines('crashing');
  for (const name of ['slow-0', 'slow-1', 'slow-2']) {
    expect(machines.get(name)).toMatchObject({ state: 'ready', attempts: { launch: 1, bootstrap: 1 } });
    expect(await logOf(space, 'crashing', name, 'bootstrap')).toBe(
      'before the crash\nnobody watches\nafter the crash\n',
    );
  }
});

it('down ends bootstraps that were left running by an up that was killed', async () => {
  const space = await scenario();
  await space.plan('crashing', LEVELS);
  await killedUp(space);
  expect(await space.run(['down', '--yes'])).toMatchObject({ code: 0 });
  expect(space.told('unwatched')).toEqual([]);
  expect(space.told('torn-down').toSorted()).toEqual(['slow-0', 'slow-1', 'slow-2']);
});
