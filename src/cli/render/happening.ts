import { formatDuration } from '../../duration.ts';
import type { Fact, RevisionKind, StepFailure } from '../../fact.ts';
import type { DeploymentState } from '../../api/deployment-state.ts';
import { machineName } from '../../machine.ts';
import type { StepKind } from '../../step.ts';
import { hang } from './hang.ts';

/** One thing that happened to one machine or to the deployment, in words. */
export interface Happening {
  /** The machine's name, or the deployment's. */
  readonly subject: string;
  /** Null: not about a machine. */
  readonly service: string | null;
  /** The same for all machines to which the same happened. */
  readonly words: string;
  /** Milliseconds, where it took time. */
  readonly took: number | null;
  readonly tone: 'good' | 'bad' | 'plain' | 'detail';
}

/** What a fact says, for people; nothing for facts that say nothing new. */
export function happenings(
  fact: Fact,
  state: DeploymentState,
  launchedAt: (machine: string) => number | undefined = () => undefined,
): readonly Happening[] {
  switch (fact.type) {
    case 'deployment-created':
      return [about('created', 'detail')];
    case 'plan-recorded': {
      const machines = fact.plan.levels
        .flatMap(({ services }) => services)
        .reduce((sum, { max }) => sum + max, 0);
      return [
        about(`plan recorded: ${countOf(fact.plan.levels.length, 'level')}, ${countOf(machines, 'machine')}`),
      ];
    }
    case 'expiry-set':
      return [
        about(
          fact.expiresAt === null
            ? 'it has no end any more'
            : `it ends at ${new Date(fact.expiresAt).toISOString()}`,
        ),
      ];
    case 'expiry-told':
      return [];
    case 'count-overridden':
      return [about(scaled(fact))];
    case 'operation-started':
      return [about(`${fact.operation.kind} by ${fact.operation.owner}`)];
    case 'operation-ended':
      return [about(fact.outcome, fact.outcome === 'succeeded' ? 'good' : 'bad')];
    case 'scope-prepared':
      return [about(`provider ${fact.provider} prepared`, 'detail')];
    case 'scope-released':
      return [about(`provider ${fact.provider} released`, 'detail')];
    case 'launch-requested':
      return fact.batch.machines.map(({ name }) => of(name, 'launching', { tone: 'detail' }));
    case 'launch-answered': {
      const { shortfall } = fact;
      if (shortfall === null) return [];
      return [
        about(
          `${countOf(fact.ids.filter((id) => id === null).length, 'machine')} not launched: ${messageOf(shortfall)}`,
          'bad',
        ),
      ];
    }
    case 'launch-refused':
      return [about(`launch refused: ${messageOf(fact.failed)}`, 'bad')];
    case 'machine-running': {
      const since = launchedAt(fact.machine);
      return [
        since === undefined
          ? of(fact.machine, 'runs', { tone: 'detail' })
          : of(fact.machine, 'launched', { took: fact.at - since }),
      ];
    }
    case 'step-started':
      return [of(fact.machine, `${fact.step} begins`, { tone: 'detail' })];
    case 'step-succeeded':
      if (fact.skipped === true) return [of(fact.machine, `${fact.step} skipped`, { tone: 'detail' })];
      return [
        of(fact.machine, DONE[fact.step], {
          took: fact.at - fact.startedAt,
          tone: fact.step === 'verify' ? 'good' : 'plain',
        }),
      ];
    case 'step-failed':
      return [
        of(
          fact.machine,
          `${fact.step} failed after ${formatDuration(Math.max(0, fact.at - fact.startedAt))}: ${messageOf(fact.failed)}`,
          { tone: 'bad' },
        ),
      ];
    case 'machine-revised':
      return [
        of(fact.machine, `${REVISED[fact.to]}: ${fact.cause}`, {
          tone: fact.to === 'look' ? 'detail' : 'plain',
        }),
      ];
    case 'machine-stopped':
      return [of(fact.machine, 'stopped')];
    case 'machine-labelled':
      return [of(fact.machine, 'labelled')];
    case 'instance-condemned':
      // What it goes back to the start for was told when that began.
      if (state.machines.get(fact.machine)?.cause === fact.cause) return [];
      return [of(fact.machine, `to be replaced: ${fact.cause.split('\n')[0] ?? ''}`, { tone: 'bad' })];
    case 'terminate-requested':
      return fact.machines.map((name) => of(name, 'terminating', { tone: 'detail' }));
    case 'instances-gone': {
      const ids = new Set(fact.ids);
      const gone = [...state.machines.values()].filter(
        ({ id, stage }) => stage === 'gone' && id !== null && ids.has(id),
      );
      return gone.map(({ name }) => of(name, 'terminated'));
    }
    case 'instance-kept':
      return [
        of(
          state.instances.get(fact.id)?.machine ?? fact.id,
          `an instance cannot be terminated: ${fact.problem}`,
          { tone: 'bad' },
        ),
      ];
    case 'machines-dropped':
      return fact.machines.map((name) => of(name, 'dropped', { tone: 'detail' }));
    default:
      return fact satisfies never;
  }

  function about(words: string, tone: Happening['tone'] = 'plain'): Happening {
    return { subject: state.name, service: null, words, took: null, tone };
  }

  function of(
    machine: string,
    words: string,
    more: Partial<Pick<Happening, 'took' | 'tone'>> = {},
  ): Happening {
    const service = state.machines.get(machine)?.service ?? machine;
    return { subject: machine, service, words, took: null, tone: 'plain', ...more };
  }
}

function scaled({ service, override }: Extract<Fact, { type: 'count-overridden' }>): string {
  if (override === null) return `${service} has as many machines as the plan says again`;
  const { count, without } = override;
  const left = without.map((index) => machineName(service, index));
  return `${service} is scaled to ${count.max}${left.length === 0 ? '' : `, without ${left.join(', ')}`}`;
}

const DONE = {
  connect: 'connected',
  bootstrap: 'bootstrapped',
  verify: 'verified',
  teardown: 'torn down',
} as const satisfies Partial<Record<StepKind, string>>;

const REVISED = {
  replace: 'to be replaced',
  stop: 'to be stopped',
  reboot: 'to be rebooted',
  connect: 'to be connected again',
  look: 'looked at again',
  bootstrap: 'to be bootstrapped again',
  verify: 'to be verified again',
} as const satisfies Record<RevisionKind, string>;

/** What may follow on lines of their own is indented. */
function messageOf({ failure: { message }, gaveUp }: StepFailure): string {
  const [first = '', ...rest] = message.split('\n');
  return hang([`${first}${gaveUp ? '' : ' (tries again)'}`, ...rest].join('\n'), 8);
}

/** `1 machine`, `3 machines`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `bootstrapped in 0.8s`. */
export function sentence({ words, took }: Pick<Happening, 'words' | 'took'>): string {
  return took === null ? words : `${words} in ${formatDuration(Math.max(0, took))}`;
}
