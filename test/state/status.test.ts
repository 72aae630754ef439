import { describe, expect, it } from 'vitest';
import type { FactBody, LevelRecord, PlanRecord } from '../../src/fact.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { foldFacts } from '../../src/state/apply-fact.ts';
import type { StatusDocument } from '../../src/state/status.ts';
import { statusDocument } from '../../src/state/status.ts';

const START = Date.parse('2026-01-02T03:04:05Z');

function planOf(
  levels: Readonly<Record<string, Readonly<Record<string, number | readonly [number, number]>>>>,
): PlanRecord {
  return {
    digest: 'd',
    path: '/plans/web.yml',
    name: 'web',
    inputs: {},
    archive: 'a',
    levels: Object.entries(levels).map(([name, services]): LevelRecord => ({
      name,
      services: Object.entries(services).map(([service, count]) => {
        const [min, max] = typeof count === 'number' ? [count, count] : count;
        return { name: service, provider: 'local', min, max };
      }),
    })),
  };
}

function stateOf(bodies: readonly FactBody[]): DeploymentState {
  const created: FactBody = { type: 'deployment-created', name: 'web', uuid: 'u' };
  return foldFacts([created, ...bodies].map((body, i) => ({ ...body, at: START + i * 1_000 })));
}

function started(kind: 'up' | 'down' = 'up', id = 1): FactBody {
  return {
    type: 'operation-started',
    operation: {
      id,
      kind,
      owner: 'ann@host',
      planDigest: 'd',
      startedAt: START,
      endedAt: null,
      outcome: null,
    },
  };
}

function launched(service: string, batch: number, count: number): readonly FactBody[] {
  const machines = Array.from({ length: count }, (_, i) => ({ name: `${service}-${i}`, generation: 1 }));
  const request = {
    number: batch,
    service,
    provider: 'local',
    machines,
    min: count,
    token: 't',
    labels: { tier: 'front' },
    request: { sensitive: '{}' },
  };
  return [
    { type: 'launch-requested', batch: request },
    { type: 'launch-answered', batch, ids: machines.map(({ name }) => `i-${name}`), shortfall: null },
    ...machines.map(({ name }, i): FactBody => ({
      type: 'machine-running',
      machine: name,
      generation: 1,
      addresses: {
        hostname: `h-${name}`,
        address: `127.0.0.${i + 2}`,
        privateIp: `127.0.0.${i + 2}`,
        publicIp: null,
      },
      access: { kind: 'ssh', host: 'h', port: 22, user: 'u', privateKey: '/k', hostKey: null },
    })),
  ];
}

function succeeded(
  machine: string,
  step: 'connect' | 'bootstrap' | 'verify' | 'teardown',
  more = {},
): FactBody {
  return { type: 'step-succeeded', machine, generation: 1, step, attempt: 1, startedAt: START, ...more };
}

function ready(machine: string, outputs = {}): readonly FactBody[] {
  return [
    succeeded(machine, 'connect'),
    succeeded(machine, 'bootstrap', { outputs }),
    succeeded(machine, 'verify'),
  ];
}

function failed(machine: string, step: 'bootstrap' | 'verify'): FactBody {
  const failure = {
    step,
    reason: 'exit',
    message: 'The script ended with exit code 3',
    exitCode: 3,
    logTail: ['no disk'],
    logPath: `logs/web/${machine}/1-${step}-1.log`,
  } as const;
  return {
    type: 'step-failed',
    machine,
    generation: 1,
    step,
    attempt: 1,
    startedAt: START,
    failed: { failure, gaveUp: true, retryAt: null },
  };
}

function statusOf(bodies: readonly FactBody[]): StatusDocument {
  return statusDocument(stateOf(bodies), { plan: (path) => `.${path}`, log: (path) => `/state/${path}` });
}

/** `ready: data=ready[registry=ready(ready)]`. */
function outline({ state, levels }: StatusDocument): string {
  const texts = levels.map((level) => {
    const services = level.services.map(
      (service) =>
        `${service.name}=${service.state}(${service.machines.map((machine) => machine.state).join(',')})`,
    );
    return `${level.name}=${level.state}[${services.join(' ')}]`;
  });
  return `${state}: ${texts.join(' ')}`;
}

const TWO_LEVELS = {
  type: 'plan-recorded',
  plan: planOf({ data: { registry: 1 }, app: { web: 2 } }),
} as const;

describe('statusDocument()', () => {
  it('shows everything of a machine, sensitive outputs masked', () => {
    const plan = planOf({ data: { registry: 1 } });
    const document = statusOf([
      { type: 'plan-recorded', plan },
      started(),
      ...launched('registry', 1, 1),
      ...ready('registry-0', { port: '7070', token: { sensitive: 'hush' } }),
      { type: 'operation-ended', id: 1, outcome: 'succeeded' },
    ]);
    expect(document).toEqual({
      format: 1,
      deployment: 'web',
      plan: './plans/web.yml',
      state: 'ready',
      operation: {
        kind: 'up',
        owner: 'ann@host',
        startedAt: '2026-01-02T03:04:05.000Z',
        endedAt: '2026-01-02T03:04:14.000Z',
        outcome: 'succeeded',
      },
      expiresAt: null,
      levels: [
        {
          name: 'data',
          state: 'ready',
          services: [
            {
              name: 'registry',
              count: 1,
              min: 1,
              ready: 1,
              override: null,
              state: 'ready',
              machines: [
                {
                  name: 'registry-0',
                  index: 0,
                  state: 'ready',
                  provider: 'local',
                  id: 'i-registry-0',
                  hostname: 'h-registry-0',
                  address: '127.0.0.2',
                  privateIp: '127.0.0.2',
                  publicIp: null,
                  labels: { tier: 'front' },
                  outputs: { port: '7070', token: '***' },
                  attempts: { launch: 1, bootstrap: 1 },
                  updatedAt: '2026-01-02T03:04:13.000Z',
                  failure: null,
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it('shows a failure with a path of its log that can be opened', () => {
    const document = statusOf([
      TWO_LEVELS,
      started(),
      ...launched('registry', 1, 1),
      succeeded('registry-0', 'connect'),
      failed('registry-0', 'bootstrap'),
    ]);
    expect(document.levels[0]?.services[0]?.machines[0]).toMatchObject({
      state: 'failed',
      attempts: { launch: 1, bootstrap: 1 },
      failure: {
        step: 'bootstrap',
        reason: 'exit',
        exitCode: 3,
        logTail: ['no disk'],
        logPath: '/state/logs/web/registry-0/1-bootstrap-1.log',
      },
    });
  });

  it.each<[string, readonly FactBody[], string]>([
    ['nothing is recorded but its creation', [], 'pending: '],
    [
      'nothing began',
      [TWO_LEVELS],
      'pending: data=pending[registry=pending(pending)] app=pending[web=pending(pending,pending)]',
    ],
    [
      'a level that did not begin is pending below one that is ready',
      [TWO_LEVELS, started(), ...launched('registry', 1, 1), ...ready('registry-0')],
      'starting: data=ready[registry=ready(ready)] app=pending[web=pending(pending,pending)]',
    ],
    [
      'what is pending does not count once the operation ended',
      [
        TWO_LEVELS,
        started(),
        ...launched('registry', 1, 1),
        ...ready('registry-0'),
        { type: 'operation-ended', id: 1, outcome: 'interrupted' },
      ],
      'ready: data=ready[registry=ready(ready)] app=pending[web=pending(pending,pending)]',
    ],
    [
      'a failure',
      [
        TWO_LEVELS,
        started(),
        ...launched('registry', 1, 1),
        succeeded('registry-0', 'connect'),
        failed('registry-0', 'bootstrap'),
      ],
      'failed: data=failed[registry=failed(failed)] app=pending[web=pending(pending,pending)]',
    ],
    [
      'at least min of {min, max}',
      [
        { type: 'plan-recorded', plan: planOf({ data: { web: [1, 2] } }) },
        started(),
        ...launched('web', 1, 2),
        ...ready('web-0'),
        succeeded('web-1', 'connect'),
        failed('web-1', 'bootstrap'),
      ],
      'degraded: data=degraded[web=degraded(ready,failed)]',
    ],
    [
      'a service of count 0 is ready and says nothing of its level',
      [
        { type: 'plan-recorded', plan: planOf({ data: { none: 0, web: 1 }, empty: { other: 0 } }) },
        started(),
      ],
      'pending: data=pending[none=ready() web=pending(pending)] empty=ready[other=ready()]',
    ],
    [
      'nothing but services of count 0',
      [{ type: 'plan-recorded', plan: planOf({ empty: { other: 0 } }) }, started()],
      'ready: empty=ready[other=ready()]',
    ],
    [
      'nothing but services of count 0 after down',
      [
        { type: 'plan-recorded', plan: planOf({ empty: { other: 0 } }) },
        started('down'),
        { type: 'operation-ended', id: 1, outcome: 'succeeded' },
      ],
      'terminated: empty=ready[other=ready()]',
    ],
    [
      'the way down, one level gone',
      [
        { type: 'plan-recorded', plan: planOf({ data: { registry: 1 }, app: { web: 1 } }) },
        started(),
        ...launched('registry', 1, 1),
        ...launched('web', 2, 1),
        ...ready('registry-0'),
        ...ready('web-0'),
        started('down', 2),
        { type: 'terminate-requested', machines: ['web-0'] },
        { type: 'instances-gone', ids: ['i-web-0'] },
      ],
      'terminating: data=ready[registry=ready(ready)] app=terminated[web=terminated(terminated)]',
    ],
    [
      'after down, machines that never began',
      [TWO_LEVELS, started('down'), { type: 'machines-dropped', machines: ['registry-0', 'web-0', 'web-1'] }],
      'terminated: data=terminated[registry=terminated(terminated)] app=terminated[web=terminated(terminated,terminated)]',
    ],
    [
      'machines and services that the plan no longer asks for, while they are there',
      [
        TWO_LEVELS,
        started(),
        ...launched('registry', 1, 1),
        ...ready('registry-0'),
        ...launched('web', 2, 2),
        ...ready('web-0'),
        ...ready('web-1'),
        { type: 'plan-recorded', plan: planOf({ app: { web: 1 } }) },
      ],
      'ready: app=ready[web=ready(ready,ready)] data=ready[registry=ready(ready)]',
    ],
    [
      'no machines that the plan no longer asks for, once they are gone',
      [
        TWO_LEVELS,
        started(),
        ...launched('registry', 1, 1),
        ...ready('registry-0'),
        { type: 'plan-recorded', plan: planOf({ data: { registry: 1 } }) },
      ],
      'ready: data=ready[registry=ready(ready)]',
    ],
  ])('tells of %s', (_, bodies, expected) => {
    expect(outline(statusOf(bodies))).toBe(expected);
  });
});
