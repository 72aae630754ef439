import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MachineStatus, StatusDocument } from '../../src/state/status.ts';
import type { Ran } from '../cli/command.ts';
import { isGone } from '../support/processes.ts';
import type { Scenario } from './scenario.ts';
import { machinesOf, openScenario, states } from './scenario.ts';
import { traces } from './traces.ts';

const LEVELS = `
levels:
  - name: below
    services:
      exits: { bootstrap: { run: 'echo "about to exit"; exit 3' } }
      hangs:
        bootstrap:
          run: |
            echo $$ >>"$SHARED/hanging"
            sh -c 'trap "" TERM; echo $$ >>"$SHARED/hanging"; echo "hangs now"; sleep 600; sleep 600' &
            echo $! >>"$SHARED/hanging"
            wait
          timeout: 2s
      suicidal: { bootstrap: { run: 'echo "goodbye"; kill -9 $$' } }
      undeclared: { bootstrap: { run: 'echo "prot=1" >>"$PLAN_OUTPUT"; echo "port=1" >>"$PLAN_OUTPUT"' }, outputs: [port] }
      missing: { bootstrap: { run: 'echo "port=1" >>"$PLAN_OUTPUT"' }, outputs: [port, token] }
      garbled: { bootstrap: { run: 'echo "no key here" >>"$PLAN_OUTPUT"' } }
      never-passes: { verify: { run: 'echo "still 503"; exit 1', interval: 100ms, timeout: 2s } }
      fatal: { verify: { run: 'echo "wrong disk"; exit 42', interval: 100ms, fatalExitCodes: [41, 42] } }
      hanging-try: { verify: { run: 'echo "asleep"; sleep 600', interval: 100ms, tryTimeout: 500ms, timeout: 2s } }
      closed: { verify: { tcp: 1, interval: 100ms, timeout: 500ms } }
      silent: { verify: { http: { port: 1 }, interval: 100ms, timeout: 500ms } }
      unreachable:
        ssh: { port: 1 }
        timeouts: { connect: 400ms }
        attempts: { launch: 2 }
      slow-to-boot:
        local: { bootDelay: 10m }
        timeouts: { launch: 1s }
        attempts: { launch: 2 }
      peerless: { env: { PEER: "{{join services.unreachable.all.hostname ','}}" }, bootstrap: { run: 'echo peerless >>"$SHARED/above"' } }
      sibling:
        count: 3
        bootstrap: { run: 'sleep 1; echo sibling >>"$SHARED/finished"' }
        verify: { run: 'echo verified >>"$SHARED/finished"', interval: 100ms }
  - name: above
    services:
      next: { count: 2, bootstrap: { run: 'echo next >>"$SHARED/above"' } }
  - name: top
    services:
      last: { bootstrap: { run: 'echo last >>"$SHARED/above"' } }
`;

let space: Scenario;
let up: Ran;
let document: StatusDocument;

function failureOf(name: string): MachineStatus['failure'] | undefined {
  return machinesOf(document).find((machine) => machine.name === name)?.failure;
}

beforeAll(async () => {
  space = await openScenario();
  await space.plan('failing', LEVELS);
  up = await space.run(['up', 'failing.yml']);
  document = await space.status('failing');
});

afterAll(async () => {
  await space[Symbol.asyncDispose]();
});

describe('a level in which machines fail', () => {
  it('makes up exit with 1, lets siblings finish, and starts nothing above', () => {
    expect([up.code, up.stdout]).toEqual([1, '']);
    expect(document).toMatchObject({ state: 'failed', operation: { kind: 'up', outcome: 'failed' } });
    expect(document.levels.map(({ name, state }) => [name, state])).toEqual([
      ['below', 'failed'],
      ['above', 'pending'],
      ['top', 'pending'],
    ]);
    expect(states(document)).toEqual([
      'exits-0 failed',
      'hangs-0 failed',
      'suicidal-0 failed',
      'undeclared-0 failed',
      'missing-0 failed',
      'garbled-0 failed',
      'never-passes-0 failed',
      'fatal-0 failed',
      'hanging-try-0 failed',
      'closed-0 failed',
      'silent-0 failed',
      'unreachable-0 failed',
      'slow-to-boot-0 failed',
      'peerless-0 failed',
      'sibling-0 ready',
      'sibling-1 ready',
      'sibling-2 ready',
      'next-0 pending',
      'next-1 pending',
      'last-0 pending',
    ]);
    expect(space.told('finished').toSorted()).toEqual([
      ...Array<string>(3).fill('sibling'),
      ...Array<string>(3).fill('verified'),
    ]);
    expect(space.told('above')).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'exits-0',
      { step: 'bootstrap', reason: 'exit', exitCode: 3, logTail: ['about to exit'] },
      /exited with 3$/,
    ],
    [
      'hangs-0',
      { step: 'bootstrap', reason: 'timeout', exitCode: null, logTail: ['hangs now'] },
      /did not end within 2s$/,
    ],
    [
      'suicidal-0',
      { step: 'bootstrap', reason: 'killed', exitCode: 137, logTail: ['goodbye'] },
      /was ended by SIGKILL$/,
    ],
    [
      'undeclared-0',
      { step: 'bootstrap', reason: 'outputs', exitCode: null },
      /reported output "prot", which the plan does not declare$/,
    ],
    ['missing-0', { step: 'bootstrap', reason: 'outputs', exitCode: null }, /did not report output "token"$/],
    [
      'garbled-0',
      { step: 'bootstrap', reason: 'outputs', exitCode: null },
      /line 1 of the outputs is neither "key=value" nor "key<<WORD"$/,
    ],
    [
      'never-passes-0',
      { step: 'verify', reason: 'timeout', exitCode: 1, logTail: ['still 503'] },
      /did not pass within 2s: the last try exited with 1$/,
    ],
    [
      'fatal-0',
      { step: 'verify', reason: 'fatal-exit', exitCode: 42, logTail: ['wrong disk'] },
      /exited with 42, which is fatal$/,
    ],
    [
      'hanging-try-0',
      { step: 'verify', reason: 'timeout', exitCode: null },
      /did not pass within 2s: the last try did not end within 500ms$/,
    ],
    [
      'closed-0',
      { step: 'verify', reason: 'timeout', exitCode: null, logPath: null },
      /^The tcp check did not pass within 500ms: /,
    ],
    [
      'silent-0',
      { step: 'verify', reason: 'timeout', exitCode: null, logPath: null },
      /^The http check did not pass within 500ms: /,
    ],
    [
      'unreachable-0',
      { step: 'connect', reason: 'unreachable', exitCode: null, logPath: null },
      /^Cannot reach the machine within 400ms: .*ECONNREFUSED/,
    ],
    [
      'slow-to-boot-0',
      { step: 'launch', reason: 'timeout', exitCode: null, logPath: null },
      /^The machine does not run after 1s: the provider says "pending"$/,
    ],
    [
      'peerless-0',
      { step: 'bootstrap', reason: 'peers', exitCode: null, logPath: null },
      /^Cannot bootstrap: 0 machines of service "unreachable" were reached, 1 are needed$/,
    ],
  ])('shows in status --json why %s failed', (name, failure, message) => {
    expect(failureOf(name)).toMatchObject({ ...failure, message: expect.stringMatching(message) as unknown });
  });

  it('says on its last lines what failed where, what still runs and how to go on', () => {
    expect(up.stderr).toMatch(
      /✘ Cannot bring "failing" up: 14 of 20 machines failed\n\n {2}exits-0 {2}bootstrap failed \(exit code 3\)/,
    );
    expect(up.stderr).toMatch(/Still running: 17 machines[^\n]*\nNext: plan up failing\.yml/);
  });

  it('replaced machines that could not be reached or did not boot as often as attempts.launch allows', async () => {
    const machines = await space.machines('failing');
    for (const name of ['unreachable-0', 'slow-to-boot-0'])
      expect(machines.get(name)?.attempts.launch).toBe(2);
    const { stdout } = await space.run(['events', 'failing', '--json']);
    const { events } = JSON.parse(stdout) as {
      readonly events: readonly { readonly type: string; readonly ids?: readonly string[] }[];
    };
    const gone = events.filter(({ type }) => type === 'instances-gone').flatMap(({ ids }) => ids ?? []);
    expect(events.filter(({ type }) => type === 'instance-condemned')).toHaveLength(2);
    expect(gone).toHaveLength(2);
  });

  it('has ended the process group of the script that hung', () => {
    const pids = new Set(space.told('hanging').map(Number));
    expect(pids.size).toBe(2);
    for (const pid of pids) expect(isGone(pid)).toBe(true);
  });

  it('is tried again where it failed by the next up, which leaves what is ready alone', async () => {
    const again = await space.run(['up', 'failing.yml']);
    expect(again.code).toBe(1);
    document = await space.status('failing');
    expect(failureOf('exits-0')).toMatchObject({ reason: 'exit', exitCode: 3 });
    expect(machinesOf(document).find(({ name }) => name === 'exits-0')?.attempts.bootstrap).toBe(2);
    expect(space.told('finished')).toHaveLength(6);
    expect(space.told('above')).toEqual([]);
  });

  it('goes down without a trace', async () => {
    const addresses = machinesOf(document).flatMap(({ address }) => address ?? []);
    const down = await space.run(['down', '--yes']);
    expect([down.code, down.stdout]).toEqual([0, '']);
    expect(traces(space.stateDirectory, addresses)).toEqual([]);
    expect(new Set(machinesOf(await space.status('failing')).map(({ state }) => state))).toEqual(
      new Set(['terminated']),
    );
  });
});
