import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fact, FactBody, PlanRecord, StepFailure } from '../../src/fact.ts';
import type { Machine } from '../../src/machine.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { applyFact, foldFacts } from '../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../src/state/deployment-state.ts';
import type { StepKind } from '../../src/step.ts';
import { created, histories } from './histories.ts';

function planOf(max: number, name = 'web', provider = 'local'): PlanRecord {
  const levels = [{ name: 'app', services: [{ name, provider, min: max, max }] }];
  return { digest: 'd', path: '/web.yml', name: 'web', inputs: {}, archive: 'a', levels };
}

function failed(step: StepKind, rest: Partial<StepFailure> = {}): StepFailure {
  const failure = {
    step,
    reason: 'error',
    message: 'no',
    exitCode: null,
    logTail: [],
    logPath: null,
  } as const;
  return { failure, gaveUp: false, retryAt: null, ...rest };
}

const one = { machine: 'web-0', generation: 1 } as const;
const two = { machine: 'web-0', generation: 2 } as const;
const host = '127.0.0.9';
const access = { kind: 'ssh', host, port: 22, user: 'ann', privateKey: '/key', hostKey: null } as const;
const addresses = { hostname: host, address: host, privateIp: null, publicIp: null };

const planned: FactBody = { type: 'plan-recorded', plan: planOf(1) };
const started: FactBody = {
  type: 'operation-started',
  operation: {
    id: 1,
    kind: 'up',
    owner: 'ann@host',
    planDigest: 'd',
    startedAt: 3,
    endedAt: null,
    outcome: null,
  },
};

function requested(number = 1, generation = 1): FactBody {
  const machines = [{ name: 'web-0', generation }];
  const request = { sensitive: '{}' };
  return {
    type: 'launch-requested',
    batch: { number, service: 'web', provider: 'local', machines, min: 1, token: 't', request },
  };
}

function answered(id: string | null, batch = 1): FactBody {
  return { type: 'launch-answered', batch, ids: [id], shortfall: id === null ? failed('launch') : null };
}

function succeeded(step: 'connect' | 'bootstrap' | 'verify' | 'teardown', attempt = 1): FactBody {
  return { ...one, type: 'step-succeeded', step, attempt, startedAt: 1 };
}

function fails(step: StepKind, attempt = 1, rest: Partial<StepFailure> = {}): FactBody {
  return { ...one, type: 'step-failed', step, attempt, startedAt: 1, failed: failed(step, rest) };
}

function begins(step: 'bootstrap' | 'teardown', attempt = 1): FactBody {
  return { ...one, type: 'step-started', step, attempt };
}

const running: FactBody = { ...one, type: 'machine-running', addresses, access };
const launched = [planned, started, requested(), answered('i-1')];
const ready = [
  ...launched,
  running,
  succeeded('connect'),
  begins('bootstrap'),
  succeeded('bootstrap'),
  succeeded('verify'),
];

function fold(...bodies: readonly FactBody[]): DeploymentState {
  return foldFacts([created, ...bodies.map((body, index): Fact => ({ ...body, at: index + 2 }))]);
}

/** What happened to a machine, as one line. */
function line(machine: Machine | undefined): string {
  if (machine === undefined) return 'nothing';
  const { name, generation, stage, id, attempts, tries } = machine;
  const counts = (of: Machine['tries']): string =>
    Object.entries(of)
      .map(([step, count]) => `${step}:${count}`)
      .join(' ');
  const flags = [
    machine.wanted ? '' : 'unwanted',
    machine.running === null ? '' : `running ${machine.running.step}`,
    machine.failure === null ? '' : `failed ${machine.failure.step}`,
    machine.gaveUp ? 'gave up' : '',
    machine.retryAt === null ? '' : `retry at ${machine.retryAt}`,
    machine.under !== null ? 'touched' : '',
    machine.tornDown ? 'torn down' : '',
  ].filter((flag) => flag !== '');
  return [`${name}.${generation} ${stage} ${id ?? '-'}`, counts(attempts), counts(tries), ...flags].join(
    ' | ',
  );
}

function web(...bodies: readonly FactBody[]): string {
  return line(fold(...bodies).machines.get('web-0'));
}

describe('foldFacts()', () => {
  it('wants a deployment to be created first', () => {
    expect(() => foldFacts([])).toThrow('There are no facts. This is a bug in plan.');
    expect(() => foldFacts([{ type: 'scope-prepared', provider: 'local', at: 1 }])).toThrow(
      'This is a bug in plan.',
    );
  });

  it('follows a machine up', () => {
    expect(web(planned)).toBe('web-0.0 none - |  | ');
    expect(web(planned, requested())).toBe('web-0.1 requested - | launch:1 | launch:1');
    expect(web(...launched)).toBe('web-0.1 launched i-1 | launch:1 | launch:1');
    expect(web(...launched, running)).toBe('web-0.1 running i-1 | launch:1 | launch:1');
    expect(web(...launched, running, succeeded('connect'))).toBe(
      'web-0.1 connected i-1 | launch:1 connect:1 | launch:1 connect:1',
    );
    expect(web(...ready.slice(0, 7))).toBe(
      'web-0.1 connected i-1 | launch:1 connect:1 bootstrap:1 | launch:1 connect:1 bootstrap:1 | running bootstrap | touched',
    );
    expect(web(...ready)).toBe(
      'web-0.1 ready i-1 | launch:1 connect:1 bootstrap:1 verify:1 | launch:1 connect:1 bootstrap:1 verify:1 | touched',
    );
  });

  it('follows a machine down', () => {
    const down = [
      ...ready,
      begins('teardown'),
      succeeded('teardown'),
      { type: 'terminate-requested', machines: ['web-0'] },
    ] as const;
    expect(web(...ready, begins('teardown'))).toContain(' ready i-1 ');
    expect(web(...down)).toMatch(/^web-0.1 leaving i-1 .* terminate:1 \| touched \| torn down$/);
    const state = fold(...down, { type: 'instances-gone', ids: ['i-1', 'i-unknown'] });
    expect(line(state.machines.get('web-0'))).toMatch(/^web-0.1 gone i-1 /);
    expect(state.instances.size).toBe(0);
  });

  it('keeps how far a machine came when a step fails', () => {
    const bootstrap = [...ready.slice(0, 7), fails('bootstrap', 1, { retryAt: 50 })];
    expect(web(...bootstrap)).toMatch(/^web-0.1 connected .* \| failed bootstrap \| retry at 50 \| touched$/);
    expect(web(...bootstrap, begins('bootstrap', 2))).toMatch(
      /bootstrap:2 \| running bootstrap \| failed bootstrap \| touched$/,
    );
    expect(web(...ready.slice(0, 8), fails('verify', 1, { gaveUp: true }))).toMatch(
      /^web-0.1 bootstrapped .* \| failed verify \| gave up \| touched$/,
    );
  });

  it('goes on after a teardown that failed for good', () => {
    expect(web(...ready, begins('teardown'), fails('teardown', 1, { gaveUp: true }))).toMatch(
      /failed teardown \| touched \| torn down$/,
    );
    expect(web(...ready, begins('teardown'), fails('teardown'))).toMatch(/failed teardown \| touched$/);
  });

  it('frees a name whose launch was refused or not answered in full', () => {
    const refused: FactBody = { type: 'launch-refused', batch: 1, failed: failed('launch', { retryAt: 9 }) };
    expect(web(planned, requested(), refused)).toBe(
      'web-0.1 none - | launch:1 | launch:1 | failed launch | retry at 9',
    );
    expect(web(planned, requested(), answered(null))).toBe(
      'web-0.1 none - | launch:1 | launch:1 | failed launch',
    );
    expect(fold(planned, requested(), refused).batches.size).toBe(0);
    expect(web(planned, requested(), refused, refused, answered('i-9'))).toContain('none');
  });

  it('launches another instance under the name of one that is condemned', () => {
    const condemned: FactBody = { ...one, type: 'instance-condemned', cause: 'never reached' };
    const state = fold(
      ...launched,
      running,
      fails('connect'),
      condemned,
      requested(2, 2),
      answered('i-2', 2),
    );
    expect(line(state.machines.get('web-0'))).toBe(
      'web-0.2 launched i-2 | launch:2 | launch:2 | failed connect',
    );
    expect([...state.instances.values()].map(({ id, condemned }) => `${id} ${condemned}`)).toEqual([
      'i-1 never reached',
      'i-2 null',
    ]);
    expect([...state.condemned]).toEqual(['i-1']);
    expect(state.lastBatch).toBe(2);
  });

  it('leaves a condemned instance alone that was kept, until the next operation', () => {
    const condemned: FactBody = { ...one, type: 'instance-condemned', cause: 'never reached' };
    const kept: FactBody = { type: 'instance-kept', id: 'i-1', problem: 'protected' };
    const facts = [
      ...launched,
      condemned,
      kept,
      { type: 'instance-kept', id: 'i-9', problem: 'unknown' },
    ] as const;
    expect(fold(...facts).condemned.size).toBe(0);
    expect([...fold(...facts, started).condemned]).toEqual(['i-1']);
    expect(fold(...facts, started, { type: 'instances-gone', ids: ['i-1'] }).condemned.size).toBe(0);
  });

  it('ignores news of an earlier generation', () => {
    const condemned: FactBody = { ...one, type: 'instance-condemned', cause: 'never reached' };
    const facts = [...launched, condemned, requested(2, 2), answered('i-2', 2)];
    const before = web(...facts);
    expect(web(...facts, running, succeeded('connect'), fails('connect'), condemned)).toBe(before);
    expect(web(...facts, { ...two, type: 'machine-running', addresses, access })).toContain('running');
  });

  it('pins a host key', () => {
    const pinned: FactBody = {
      ...one,
      type: 'step-succeeded',
      step: 'connect',
      attempt: 1,
      startedAt: 1,
      hostKey: 'ssh-ed25519 A',
    };
    expect(fold(...launched, running, pinned).machines.get('web-0')?.access).toMatchObject({
      hostKey: 'ssh-ed25519 A',
    });
    expect(fold(...launched, running, succeeded('connect')).machines.get('web-0')?.access).toMatchObject({
      hostKey: null,
    });
  });

  it('keeps outputs, sensitive ones marked', () => {
    const outputs = { port: '7070', token: { sensitive: 'abcdefgh' } };
    const done: FactBody = {
      ...one,
      type: 'step-succeeded',
      step: 'bootstrap',
      attempt: 1,
      startedAt: 1,
      outputs,
    };
    expect(fold(...ready.slice(0, 7), done).machines.get('web-0')?.outputs).toEqual(outputs);
  });

  it('tries again what was given up when another operation starts', () => {
    const facts = [...launched, running, fails('connect', 1, { gaveUp: true, retryAt: 9 })];
    expect(web(...facts)).toContain('gave up | retry at 9');
    expect(web(...facts, started)).toBe('web-0.1 running i-1 | launch:1 connect:1 |  | failed connect');
  });

  it('counts an attempt once, however often it is told', () => {
    const twice = [...launched, running, fails('connect'), fails('connect'), fails('connect', 2)];
    expect(web(...twice)).toBe(
      'web-0.1 running i-1 | launch:1 connect:2 | launch:1 connect:2 | failed connect',
    );
  });

  it('records operations and scopes', () => {
    const state = fold(
      started,
      { type: 'scope-prepared', provider: 'local' },
      { type: 'scope-prepared', provider: 'west' },
      { type: 'scope-released', provider: 'local' },
      { type: 'operation-ended', id: 7, outcome: 'failed' },
    );
    expect([...state.scopes.keys()]).toEqual(['west']);
    expect(state.operation?.outcome).toBeNull();
    const ended = fold(started, { type: 'operation-ended', id: 1, outcome: 'succeeded' });
    expect(ended.operation).toMatchObject({ id: 1, outcome: 'succeeded', endedAt: 3 });
  });

  it('does not want what another plan leaves out, and wants again what comes back', () => {
    expect(web(...ready, { type: 'plan-recorded', plan: planOf(0) })).toContain('ready i-1');
    expect(web(...ready, { type: 'plan-recorded', plan: planOf(0) })).toContain('unwanted');
    const gone: FactBody = { type: 'machines-dropped', machines: ['web-0', 'web-9'] };
    const left = [planned, { type: 'plan-recorded', plan: planOf(0) }, gone] as const;
    expect(web(...left)).toBe('web-0.0 gone - |  |  | unwanted');
    const state = fold(...left, { type: 'plan-recorded', plan: planOf(1, 'web', 'west') });
    expect(line(state.machines.get('web-0'))).toBe('web-0.0 none - |  | ');
    expect(state.machines.get('web-0')?.provider).toBe('west');
  });

  it('ignores machines that it does not know', () => {
    const stranger = { machine: 'db-0', generation: 1 } as const;
    const state = fold(
      planned,
      { ...stranger, type: 'machine-running', addresses, access },
      { type: 'terminate-requested', machines: ['db-0'] },
    );
    expect([...state.machines.keys()]).toEqual(['web-0']);
  });
});

describe('applyFact()', () => {
  it('touches whatever it changes', () => {
    fc.assert(
      fc.property(histories, (facts) => {
        const state = emptyState(created);
        for (const fact of facts) {
          const before = snapshot(state);
          const touched = nothingTouched();
          applyFact(state, fact, touched);
          const after = snapshot(state);
          expect(
            changed(before.machines, after.machines).filter((name) => !touched.machines.has(name)),
          ).toEqual([]);
          expect(
            changed(before.instances, after.instances).filter((id) => !touched.instances.has(id)),
          ).toEqual([]);
          expect(
            changed(before.batches, after.batches).filter((number) => !touched.batches.has(number)),
          ).toEqual([]);
          if (before.own !== after.own) expect(touched.deployment).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });
});

function snapshot({ machines, instances, batches, plan, operation, lastBatch, scopes }: DeploymentState) {
  const own = JSON.stringify({ plan, operation, lastBatch, scopes: [...scopes] });
  return { machines: new Map(machines), instances: new Map(instances), batches: new Map(batches), own };
}

function changed<K>(before: ReadonlyMap<K, unknown>, after: ReadonlyMap<K, unknown>): K[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => before.get(key) !== after.get(key),
  );
}
