import { createHash } from 'node:crypto';
import type { FactBody } from '../fact.ts';
import { machineName } from '../machine.ts';
import type { Json } from '../json.ts';
import type { Service, TemplateTree } from '../plan/plan.ts';
import type { Scope, Template } from '../plan/template.ts';
import { TemplateError, render } from '../plan/template.ts';
import type { LaunchRequest } from '../providers/provider.ts';
import type { PerformContext } from './perform/context.ts';
import { failureOf, machineOf } from './perform/context.ts';
import type { Decision } from './step.ts';

/** The facts that a decision amounts to. */
export function factsOf(decision: Decision, context: PerformContext): readonly FactBody[] {
  const { journal } = context;
  switch (decision.kind) {
    case 'request':
      return requestFacts(decision, context);
    case 'skip':
      return decision.machines.map((name) => {
        const { generation, attempts } = machineOf(journal, name);
        const attempt = (attempts[decision.step] ?? 0) + 1;
        const startedAt = context.wiring.clock.now();
        return {
          type: 'step-succeeded',
          machine: name,
          generation,
          step: decision.step,
          attempt,
          startedAt,
          skipped: true,
        };
      });
    case 'retire':
      return [{ type: 'terminate-requested', machines: decision.machines }];
    case 'drop':
      return [{ type: 'machines-dropped', machines: decision.machines }];
    case 'give-up': {
      const { name, generation, attempts } = machineOf(journal, decision.machine);
      const { failure } = decision;
      const attempt = attempts[failure.step] ?? 0;
      const failed = { failure, gaveUp: true, retryAt: null };
      const startedAt = context.wiring.clock.now();
      return [
        { type: 'step-failed', machine: name, generation, step: failure.step, attempt, startedAt, failed },
      ];
    }
  }
}

/** The record of a launching call that is about to be made: complete and resolved. */
function requestFacts(
  decision: Extract<Decision, { kind: 'request' }>,
  context: PerformContext,
): readonly FactBody[] {
  const { journal } = context;
  const { state } = journal;
  const service = context.service(decision.service);
  const machines = decision.machines.map((name) => ({
    name,
    generation: machineOf(journal, name).generation + 1,
  }));
  const number = state.lastBatch + 1;
  try {
    const request = launchRequest(service, decision.machines, context);
    const token = createHash('sha256')
      .update(`${state.uuid} ${service.name} ${number}`)
      .digest('hex')
      .slice(0, 48);
    return [
      {
        type: 'launch-requested',
        batch: {
          number,
          service: service.name,
          provider: service.provider,
          machines,
          min: decision.min,
          token,
          request: { sensitive: JSON.stringify(request) },
        },
      },
    ];
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const failure = failureOf('launch', 'template', error.message);
    const failed = { failure, gaveUp: true, retryAt: null };
    return machines.map(({ name }) => {
      const { generation, attempts } = machineOf(journal, name);
      const startedAt = context.wiring.clock.now();
      return {
        type: 'step-failed',
        machine: name,
        generation,
        step: 'launch',
        attempt: attempts.launch ?? 0,
        startedAt,
        failed,
      };
    });
  }
}

/** What a service asks of its provider for these machines. Throws `TemplateError`. */
export function launchRequest(
  service: Service,
  machines: readonly string[],
  context: PerformContext,
): LaunchRequest {
  const { state } = context.journal;
  const only = service.launchesOneByOne
    ? machineOf(context.journal, machines[0] ?? machineName(service.name, 0))
    : null;
  const scope = context.scopes.launch(service, only);
  const labels = Object.fromEntries(
    Object.entries(service.labels).map(([key, value]) => [key, render(value, scope)]),
  );
  const options = renderTree(service.options, scope);
  return {
    service: service.name,
    image: service.image === null ? null : render(service.image, scope),
    directory: service.imageDirectory,
    options:
      typeof options === 'object' && options !== null && !Array.isArray(options)
        ? (options as LaunchRequest['options'])
        : {},
    labels,
    tags: { deployment: state.name, uuid: state.uuid, owner: context.wiring.owner },
  };
}

function renderTree(tree: TemplateTree, scope: Scope): Json {
  if (tree === null || typeof tree !== 'object') return tree;
  if (isList(tree)) return tree.map((item) => renderTree(item, scope));
  if (isTemplate(tree)) return render(tree, scope);
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, renderTree(value, scope)]));
}

function isList(tree: object): tree is readonly TemplateTree[] {
  return Array.isArray(tree);
}

/** Every string of a tree is a template, so that only a template has a `text` that is a string. */
function isTemplate(tree: object): tree is Template {
  return typeof (tree as Partial<Template>).text === 'string';
}
