import type { Fact, StepFailure } from '../fact.ts';
import type { Machine, Parts, PlanSource } from '../machine.ts';
import { machineName } from '../machine.ts';
import { MASK } from '../sensitive.ts';
import type { StepKind } from '../step.ts';
import type { DeploymentState } from './deployment-state.ts';

export function newMachine(service: string, index: number, provider: string, at: number): Machine {
  return {
    name: machineName(service, index),
    service,
    index,
    level: '',
    wanted: true,
    generation: 0,
    provider,
    attempts: {},
    updatedAt: at,
    ...UNLAUNCHED,
    failure: null,
    gaveUp: false,
    retryAt: null,
    tries: {},
  };
}

/** What a name has when no instance stands behind it. */
export const UNLAUNCHED = {
  stage: 'none',
  running: null,
  batch: null,
  id: null,
  givenKey: null,
  addresses: null,
  access: null,
  labels: {},
  outputs: {},
  under: null,
  made: { launch: null, labels: null, ssh: null, bootstrap: null, verify: null },
  cause: null,
  tornDown: false,
  spentTeardowns: 0,
} as const satisfies Partial<Machine>;

/** Labels that were recorded; of those that an older version gave to a machine, only the keys are known. */
export function recordedLabels(
  labels: Machine['labels'] | undefined,
  made: Parts | null | undefined,
): Machine['labels'] {
  return labels ?? Object.fromEntries(Object.keys(made ?? {}).map((key) => [key, MASK]));
}

export function reborn(machine: Machine): Machine {
  return { ...machine, ...UNLAUNCHED, failure: null, gaveUp: false, retryAt: null };
}

export function notLaunched(machine: Machine, failed: StepFailure | null, isFree = false): Machine {
  const launches = (machine.tries.launch ?? 1) - 1;
  const tries = isFree ? { ...machine.tries, launch: launches } : machine.tries;
  return { ...machine, ...UNLAUNCHED, tries, ...failed };
}

export function succeed(
  machine: Machine,
  fact: Extract<Fact, { type: 'step-succeeded' }>,
  state: DeploymentState,
): Machine {
  const base: Machine = {
    ...counted(machine, fact.step, fact.attempt),
    running: null,
    gaveUp: false,
    retryAt: null,
  };
  switch (fact.step) {
    case 'connect':
      return {
        ...base,
        // What was bootstrapped before its connection was asked for anew goes on from there.
        stage: base.made.bootstrap === null ? 'connected' : 'bootstrapped',
        access:
          fact.hostKey === undefined || base.access?.kind !== 'ssh'
            ? base.access
            : { ...base.access, hostKey: fact.hostKey },
      };
    case 'bootstrap':
      return {
        ...base,
        stage: 'bootstrapped',
        under: planSource(state),
        outputs: fact.outputs ?? {},
        made: { ...base.made, bootstrap: fact.made ?? {} },
      };
    case 'verify':
      return {
        ...base,
        stage: 'ready',
        failure: null,
        cause: null,
        made: { ...base.made, verify: fact.made ?? {} },
      };
    case 'teardown':
      return { ...base, tornDown: true };
  }
}

/** Back to the stage at which the step is due that is to be done again. */
export function revise(machine: Machine, { to, cause }: Extract<Fact, { type: 'machine-revised' }>): Machine {
  const base = { ...machine, cause, running: null, failure: null, gaveUp: false, retryAt: null };
  switch (to) {
    case 'stop':
      // What is ready again at once if its provider does not stop it is told by its verify.
      return {
        ...base,
        stage: 'stopping',
        made: isVerified(machine) ? machine.made : { ...machine.made, verify: null },
      };
    case 'replace':
      // On what is off nothing can be torn down.
      return { ...base, stage: 'replacing', tornDown: base.tornDown || machine.stage === 'stopped' };
    case 'reboot':
      return { ...base, stage: 'rebooting' };
    case 'connect':
    case 'look':
      return { ...afterTeardown(base), stage: 'launched' };
    case 'bootstrap':
      return { ...base, stage: 'connected', made: { ...machine.made, bootstrap: null, verify: null } };
    case 'verify':
      return { ...base, stage: 'bootstrapped', made: { ...machine.made, verify: null } };
  }
}

/** What it was asked to stop as, where it was not asked before: a machine that its verify had passed. */
function isVerified({ stage }: Machine): boolean {
  return stage === 'ready' || stage === 'stopping';
}

/** The provider said that the machine is off. */
export function halted(machine: Machine): Machine {
  const { failure } = machine;
  return {
    ...afterTeardown(machine),
    stage: 'stopped',
    running: null,
    cause: null,
    failure: failure?.step === 'teardown' ? failure : null,
    gaveUp: false,
    retryAt: null,
  };
}

/** A machine whose provider refuses to stop it is what it was, where nothing was done on it before. */
export function unhalted(machine: Machine, failed: StepFailure): Machine {
  const wasReady = machine.stage === 'stopping' && machine.made.verify !== null && !isTornDown(machine);
  if (!wasReady || failed.failure.reason !== 'refused') return { ...machine, running: null, ...failed };
  return {
    ...machine,
    stage: 'ready',
    running: null,
    cause: null,
    failure: null,
    gaveUp: false,
    retryAt: null,
  };
}

/** A teardown that began for a stop leaves nothing of the bootstrap that can be relied on. */
function afterTeardown(machine: Machine): Machine {
  if (!isTornDown(machine)) return machine;
  return {
    ...machine,
    under: machine.tornDown ? null : machine.under,
    tornDown: false,
    spentTeardowns: machine.attempts.teardown ?? 0,
    made: { ...machine.made, bootstrap: null, verify: null },
  };
}

function isTornDown({ tornDown, attempts, spentTeardowns = 0 }: Machine): boolean {
  return tornDown || (attempts.teardown ?? 0) > spentTeardowns;
}

/** `attempts` up to this one, and `tries` with what that adds: an attempt that was counted when it began adds none. */
export function counted(machine: Machine, step: StepKind, attempt: number): Machine {
  const added = attempt - (machine.attempts[step] ?? 0);
  if (added === 0) return machine;
  return {
    ...machine,
    attempts: { ...machine.attempts, [step]: attempt },
    tries: { ...machine.tries, [step]: (machine.tries[step] ?? 0) + added },
  };
}

export function planSource({ plan }: DeploymentState): PlanSource | null {
  return plan === null ? null : { path: plan.path, archive: plan.archive };
}
