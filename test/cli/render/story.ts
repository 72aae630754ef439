import type { EngineEvent } from '../../../src/engine/operation.ts';
import type { Fact, FactBody, LevelRecord, StepFailure } from '../../../src/fact.ts';
import type { FailureReason } from '../../../src/failure.ts';
import type { StepKind } from '../../../src/step.ts';
import type { DeploymentState } from '../../../src/state/deployment-state.ts';
import { applyFact } from '../../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../../src/state/deployment-state.ts';

export const START = Date.parse('2026-01-02T03:04:05Z');

/** A deployment to which things happen, told to an observer as the engine tells them. */
export interface Story {
  readonly state: DeploymentState;
  /** Now, in epoch milliseconds. */
  now(): number;
  pass(milliseconds: number): void;
  record(...facts: readonly FactBody[]): void;
  tell(event: EngineEvent): void;
  launch(service: string, count: number): void;
  succeed(machine: string, step: 'connect' | 'bootstrap' | 'verify' | 'teardown', took: number): void;
  fail(
    machine: string,
    step: StepKind,
    took: number,
    more?: Partial<StepFailure> & { readonly reason?: FailureReason; readonly logTail?: readonly string[] },
  ): void;
}

export function story(
  levels: Readonly<Record<string, Readonly<Record<string, number>>>>,
  observe: (event: EngineEvent, state: DeploymentState) => void,
  kind: 'up' | 'down' = 'up',
): Story {
  const state = emptyState({ name: 'web-stack', uuid: 'u', at: START });
  let now = START;
  const own: Story = {
    state,
    now: () => now,
    pass: (milliseconds) => (now += milliseconds),
    tell: (event) => observe(event, state),
    record(...bodies) {
      for (const body of bodies) {
        const fact: Fact = { ...body, at: now };
        applyFact(state, fact, nothingTouched());
        observe({ type: 'fact', fact }, state);
      }
    },
    launch(service, count) {
      const machines = Array.from({ length: count }, (_, i) => ({ name: `${service}-${i}`, generation: 1 }));
      const number = state.lastBatch + 1;
      const request = { sensitive: '{"secret":"hush"}' };
      own.record(
        {
          type: 'launch-requested',
          batch: { number, service, provider: 'local', machines, min: count, token: 't', request },
        },
        {
          type: 'launch-answered',
          batch: number,
          ids: machines.map(({ name }) => `i-${name}`),
          shortfall: null,
        },
      );
      now += 400;
      own.record(
        ...machines.map(({ name }, i): FactBody => ({
          type: 'machine-running',
          machine: name,
          generation: 1,
          addresses: { hostname: name, address: `127.0.0.${i + 1}`, privateIp: null, publicIp: null },
          access: { kind: 'ssh', host: name, port: 22, user: 'u', privateKey: '/k', hostKey: null },
        })),
      );
    },
    succeed(machine, step, took) {
      own.record({ type: 'step-succeeded', machine, generation: 1, step, attempt: 1, startedAt: now - took });
    },
    fail(
      machine,
      step,
      took,
      { gaveUp = true, retryAt = null, reason = 'exit', logTail = ['no disk', 'good bye'] } = {},
    ) {
      const failure = {
        step,
        reason,
        message: 'The script ended with exit code 3',
        exitCode: 3,
        logTail,
        logPath: `logs/${machine}.log`,
      };
      own.record({
        type: 'step-failed',
        machine,
        generation: 1,
        step,
        attempt: 1,
        startedAt: now - took,
        failed: { failure, gaveUp, retryAt },
      });
    },
  };
  own.record(
    {
      type: 'plan-recorded',
      plan: {
        digest: 'd',
        path: '/plans/web.yml',
        name: 'web-stack',
        inputs: {},
        archive: 'a',
        levels: Object.entries(levels).map(([name, services]): LevelRecord => ({
          name,
          services: Object.entries(services).map(([service, count]) => ({
            name: service,
            provider: 'local',
            min: count,
            max: count,
          })),
        })),
      },
    },
    {
      type: 'operation-started',
      operation: {
        id: 1,
        kind,
        owner: 'ann@host',
        planDigest: 'd',
        startedAt: START,
        endedAt: null,
        outcome: null,
      },
    },
  );
  return own;
}
