import type { Machine, Made } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Desired } from './desired.ts';
import type { Difference, RevisionAction } from './difference.ts';
import { REVISIONS, isForGood } from './difference.ts';
import { causeOfEnd, causeOfGoingOn, causeOfLaunch, revisedParts, upstreamCause } from './forecast-causes.ts';
import type { TracedPrint } from './forecast-placeholder.ts';
import { unknownsIn } from './forecast-placeholder.ts';
import { filesOf } from './perform/script-input.ts';
import type { PlanContext } from './plan-context.ts';
import type { Revision } from './revision.ts';
import type { Revisions } from './situation.ts';
import type { Decision, Step } from './step.ts';

/** What happens to each machine in a rehearsal, put together from the steps and decisions before they are applied. */
export interface Notes {
  decision(decision: Decision): void;
  step(step: Step): void;
  /** A machine whose end had begun, although the plan asks for its name. */
  begunAnew(machine: string): void;
  /** In the order of levels, services and numbers; what goes for good is last. */
  differences(): readonly Difference[];
}

export interface NotesOptions {
  /** The deployment as it is; null: there is none. */
  readonly before: DeploymentState | null;
  readonly context: PlanContext;
  readonly desired: Desired;
  readonly revisions: Revisions;
  readonly traced: TracedPrint;
  hasTeardown(machine: Machine): boolean;
}

/** What may happen to a machine beside the one thing that is most. */
const ASIDE: ReadonlySet<Difference['action']> = new Set(['label', 'connect', 'terminate']);

export function createNotes(options: NotesOptions): Notes {
  const { before, context, desired, revisions, traced, hasTeardown } = options;
  const { plan, journal } = context;
  const found = new Map<string, Difference>();
  const known = (name: string): Machine | undefined => before?.machines.get(name);
  const machineNamed = (name: string): Machine | undefined => journal.state.machines.get(name);

  function note(machine: Machine, more: Pick<Difference, 'action' | 'cause'> & Partial<Difference>): void {
    const { name, service, level } = machine;
    const base = { machine: name, service, level, conditional: false, teardown: false, begun: false };
    found.set(`${name} ${ASIDE.has(more.action) ? more.action : ''}`, { ...base, ...more });
  }

  const isNoted = (name: string): boolean => found.has(`${name} `) || found.has(`${name} connect`);

  /** It gets another instance: what is told to it anew after that is part of it. */
  function isFresh(name: string): boolean {
    const action = found.get(`${name} `)?.action;
    return action === 'launch' || action === 'replace';
  }

  /** What happens to a machine that goes on, unless more than that happens to it. */
  function goesOn(name: string): void {
    const machine = known(name);
    const now = machineNamed(name);
    if (now?.wanted !== true || isNoted(name)) return;
    note(now, { action: 'continue', cause: causeOfGoingOn(machine ?? now) });
  }

  function noteDecision(decision: Decision): void {
    switch (decision.kind) {
      case 'skip':
        if (decision.step !== 'teardown') for (const name of decision.machines) goesOn(name);
        return;
      case 'revise':
        noteRevision(decision.revision);
        return;
      case 'condemn': {
        const machine = machineNamed(decision.machine);
        if (machine === undefined || isNoted(machine.name)) return;
        note(machine, { action: 'replace', cause: machine.cause ?? 'it was begun', begun: true });
        return;
      }
      case 'retire':
        for (const machine of decision.machines.map(machineNamed))
          if (machine !== undefined) noteEnd(machine);
        return;
      case 'halt':
      case 'drop':
      case 'give-up':
        return;
      default:
        decision satisfies never;
    }
  }

  function noteRevision(revision: Revision): void {
    const machine = machineNamed(revision.machine);
    if (machine === undefined) return;
    const { cause } = revision;
    const to = REVISIONS.find((one) => one === revision.to);
    // The other kinds are for a repair to decide on.
    if (to === undefined || isFresh(machine.name)) return;
    const teardown = to === 'replace' && machine.under !== null && hasTeardown(machine);
    const { upstream, isOpen } = unknownsBehind(
      to,
      machine,
      desired(machine, context.service(machine.service)),
    );
    const because =
      upstream.length === 0 ? cause : `${cause}: ${upstreamCause(upstream, (name) => found.get(`${name} `))}`;
    note(machine, { action: to, cause: because, conditional: isOpen, teardown });
  }

  /**
   * The machines whose unknown attributes a revision comes from. `isOpen`: it comes from nothing else, and each of
   * them is one that there was before, so that the result may be what it was.
   */
  function unknownsBehind(to: RevisionAction, machine: Machine, made: Made) {
    const { before: old, after } = revisedParts(to, machine, made);
    const parts = new Set([...Object.keys(old), ...Object.keys(after)]);
    const behind = [...parts]
      .filter((part) => old[part] !== after[part])
      .map((part) => machinesBehind(part, after[part] ?? '', machine));
    const upstream = [...new Set(behind.flat())];
    const wasThere = (name: string): boolean => found.get(`${name} `)?.action !== 'launch';
    const isOpen = behind.length > 0 && behind.every((names) => names.length > 0 && names.every(wasThere));
    return { upstream, isOpen };
  }

  function machinesBehind(part: string, digest: string, machine: Machine): readonly string[] {
    if (!part.startsWith('file ')) return traced.machinesBehind(digest);
    const service = context.service(machine.service);
    const files = filesOf(service, context.scopes.bootstrap(service, machine));
    return files.flatMap(({ path, bytes }) => (`file ${path}` === part ? unknownsIn(bytes.toString()) : []));
  }

  function noteEnd(machine: Machine): void {
    const isMaybe = known(machine.name)?.id == null;
    const why = causeOfEnd(machine, plan);
    note(machine, {
      action: 'terminate',
      cause: isMaybe ? `${why}, and its launch has no answer` : why,
      conditional: isMaybe,
      teardown: found.get(`${machine.name} terminate`)?.teardown ?? false,
    });
  }

  function noteStep(step: Step): void {
    switch (step.kind) {
      case 'request':
        for (const machine of step.machines.map(machineNamed))
          if (machine !== undefined && !isNoted(machine.name))
            note(machine, { action: 'launch', cause: causeOfLaunch(machine, before) });
        return;
      case 'launch':
        for (const { name } of journal.state.batches.get(step.batch)?.machines ?? []) goesOn(name);
        return;
      case 'boot':
      case 'connect':
      case 'bootstrap':
      case 'verify':
      case 'stop':
      case 'reboot':
        goesOn(step.machine);
        return;
      case 'label': {
        const machine = machineNamed(step.machine);
        const revision = machine && revisions.pending.get(machine.service)?.get(step.machine);
        if (revision !== undefined) noteRevision(revision);
        return;
      }
      case 'teardown': {
        const machine = machineNamed(step.machine);
        if (machine?.wanted === false)
          note(machine, { action: 'terminate', cause: causeOfEnd(machine, plan), teardown: true });
        return;
      }
      case 'terminate':
        for (const id of step.instances) noteTermination(id);
        return;
      case 'find':
        return;
      default:
        step satisfies never;
    }
  }

  function noteTermination(id: string): void {
    const instance = before?.instances.get(id);
    const machine = instance && machineNamed(instance.machine);
    if (machine === undefined || instance === undefined) return;
    if (instance.condemned !== null)
      note(machine, {
        action: 'terminate',
        cause: `its former instance is left over: ${instance.condemned}`,
        begun: true,
      });
    else if (machine.stage === 'leaving' && !found.has(`${machine.name} terminate`)) noteEnd(machine);
  }

  return {
    decision: noteDecision,
    step: noteStep,
    begunAnew(name) {
      const machine = machineNamed(name);
      if (machine !== undefined)
        note(machine, { action: 'replace', cause: machine.cause ?? 'its teardown had begun', begun: true });
    },
    differences: () => inOrder([...found.values()], plan, journal.state),
  };
}

function inOrder(
  differences: readonly Difference[],
  plan: Plan,
  state: DeploymentState,
): readonly Difference[] {
  const services = new Map(servicesOf(plan).map(({ name }, index) => [name, index]));
  const place = (one: Difference): number =>
    isForGood(one) ? services.size : (services.get(one.service) ?? services.size);
  const number = ({ machine }: Difference): number => state.machines.get(machine)?.index ?? 0;
  return differences
    .map((difference, at) => ({ difference, at }))
    .sort(
      (a, b) =>
        place(a.difference) - place(b.difference) ||
        (isForGood(a.difference) ? a.at - b.at : number(a.difference) - number(b.difference)),
    )
    .map(({ difference }) => difference);
}
