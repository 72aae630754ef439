import type { FactBody } from '../fact.ts';
import type { Access, Addresses, Machine, Parts } from '../machine.ts';
import type { Service } from '../plan/plan.ts';
import type { Scope } from '../plan/template.ts';
import { TemplateError, render } from '../plan/template.ts';
import { reveal } from '../sensitive.ts';
import { launchMade, sshParts } from './desired.ts';
import { placeholder, unknownAddresses } from './forecast-placeholder.ts';
import { bootstrapParts, verifyParts } from './made.ts';
import { launchRequest } from './launch-request.ts';
import { failureOf, machineOf } from './perform/context.ts';
import type { PlanContext } from './plan-context.ts';
import type { RequestStep } from './request-facts.ts';
import { notRequested, requested } from './request-facts.ts';
import type { Step } from './step.ts';

/** The access of a machine that is not there yet. */
const NOWHERE: Access = { kind: 'ssh', host: '', port: 22, user: '', privateKey: '', hostKey: null };

/** The facts of a step that succeeds, with placeholders for what only the machine itself could tell. */
export function pretend(
  step: Step,
  context: PlanContext,
  addressesBefore: (machine: string) => Addresses | null,
): readonly FactBody[] {
  const { journal } = context;
  const { state } = journal;
  switch (step.kind) {
    case 'request':
      return pretendRequest(step, context);
    case 'launch':
    case 'find': {
      const ids = state.batches.get(step.batch)?.machines.map(({ name }) => placeholder('id', name)) ?? [];
      return [{ type: 'launch-answered', batch: step.batch, ids, shortfall: null }];
    }
    case 'terminate':
      return [{ type: 'instances-gone', ids: step.instances }];
    case 'boot': {
      const machine = machineOf(journal, step.machine);
      const { name, generation, addresses, access } = machine;
      return [
        {
          type: 'machine-running',
          machine: name,
          generation,
          addresses: addresses ?? unknownAddresses(name, addressesBefore(name)),
          access: access ?? NOWHERE,
          made: partsOf(machine, context, 'ssh'),
        },
      ];
    }
    case 'stop': {
      const { name, generation } = machineOf(journal, step.machine);
      return [{ type: 'machine-stopped', machine: name, generation }];
    }
    case 'reboot': {
      const { name, generation, cause } = machineOf(journal, step.machine);
      return [
        {
          type: 'machine-revised',
          machine: name,
          generation,
          to: 'connect',
          cause: cause ?? 'it is rebooted',
        },
      ];
    }
    case 'label': {
      const { name, generation, service } = machineOf(journal, step.machine);
      const made = launchMade(context.service(service), [name], context).labels ?? {};
      return [{ type: 'machine-labelled', machine: name, generation, made }];
    }
    case 'connect':
    case 'teardown':
      return [succeeded(machineOf(journal, step.machine), step.kind, context)];
    case 'bootstrap': {
      const machine = machineOf(journal, step.machine);
      const made = machine.running?.made ?? partsOf(machine, context, 'bootstrap');
      return [{ ...succeeded(machine, 'bootstrap', context), made, outputs: outputsAfter(machine, context) }];
    }
    case 'verify': {
      const machine = machineOf(journal, step.machine);
      return [{ ...succeeded(machine, 'verify', context), made: partsOf(machine, context, 'verify') }];
    }
    default:
      return step satisfies never;
  }
}

function pretendRequest(step: RequestStep, context: PlanContext): readonly FactBody[] {
  try {
    const request = launchRequest(context.service(step.service), step.machines, context);
    const number = context.journal.state.lastBatch + 1;
    return [requested(step, { number, request, hostKey: null }, context)];
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const failure = failureOf('launch', 'template', error.message);
    return notRequested(step, { failure, gaveUp: true, retryAt: null }, context.wiring.clock.now(), context);
  }
}

function succeeded(
  { name, generation, attempts }: Machine,
  step: 'connect' | 'bootstrap' | 'verify' | 'teardown',
  { wiring }: PlanContext,
): Extract<FactBody, { type: 'step-succeeded' }> {
  const attempt = (attempts[step] ?? 0) + 1;
  const startedAt = wiring.clock.now();
  return { type: 'step-succeeded', machine: name, generation, step, attempt, startedAt };
}

/** Empty where it cannot be rendered: the step itself would fail, which is not foretold. */
function partsOf(machine: Machine, context: PlanContext, what: 'ssh' | 'bootstrap' | 'verify'): Parts {
  const service = context.service(machine.service);
  const { scopes, wiring } = context;
  const print = (text: string): string => wiring.store.fingerprint(text);
  return (
    rendered(() => {
      switch (what) {
        case 'ssh':
          return sshParts(service.ssh, scopes.connect(service, machine), print);
        case 'bootstrap':
          return bootstrapParts(service, scopes.bootstrap(service, machine), print);
        case 'verify':
          return verifyParts(service, scopes.ready(service, machine), print);
        default:
          return what satisfies never;
      }
    }) ?? {}
  );
}

/** Constants as the plan says; what a bootstrap reports is taken to be what it reported before. */
function outputsAfter(machine: Machine, context: PlanContext): Machine['outputs'] {
  const service: Service = context.service(machine.service);
  const scope: Scope = context.scopes.bootstrap(service, machine);
  const entries = Object.entries(service.outputs).map(([name, { sensitive, value }]) => {
    const known = value === null ? machine.outputs[name] : rendered(() => render(value, scope));
    const text = known === undefined || known === null ? placeholder(name, machine.name) : reveal(known);
    return [name, sensitive ? { sensitive: text } : text] as const;
  });
  return Object.fromEntries(entries);
}

function rendered<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof TemplateError) return null;
    throw error;
  }
}
