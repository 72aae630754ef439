import type { Json } from '../json.ts';
import { machineName } from '../machine.ts';
import type { Service, TemplateTree } from '../plan/plan.ts';
import type { Scope, Template } from '../plan/template.ts';
import { render } from '../plan/template.ts';
import type { LaunchRequest } from '../providers/provider.ts';
import { parsePort } from '../ssh-options.ts';
import { hostName } from './colocation.ts';
import { machineOf } from './perform/context.ts';
import type { PlanContext } from './plan-context.ts';
import { rendered } from './rendered.ts';
import { tagsOf } from './tags.ts';

/** What a service asks of its provider for these machines. Throws `TemplateError`. */
export function launchRequest(
  service: Service,
  machines: readonly string[],
  context: PlanContext,
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
    image: renderImage(service.image, scope),
    directory: service.imageDirectory,
    options: {
      ...(typeof options === 'object' && !Array.isArray(options)
        ? (options as LaunchRequest['options'])
        : {}),
      ...shareIn(service, machines, context),
    },
    labels,
    tags: tagsOf(state, context.wiring),
    handsHostKey: service.hostKeyByProvider,
    ...sshPortsOf(service, machines, context),
    ...(state.expiresAt === null || service.colocate !== null ? {} : { expiresAt: state.expiresAt }),
    resolved: null,
  };
}

/** The machine that a colocated one shares, and the instance behind it: another one is another machine to be told of. */
function shareIn(
  service: Service,
  [first]: readonly string[],
  { journal: { state } }: PlanContext,
): Readonly<Record<string, Json>> {
  const on = hostName(service, state.machines.get(first ?? '')?.index ?? 0);
  return on === null ? {} : { on, instance: state.machines.get(on)?.id ?? null };
}

/** The port may be told by machines that are not there yet, and whoever connects says so when it is none. */
function sshPortsOf(
  service: Service,
  machines: readonly string[],
  { journal: { state }, scopes }: PlanContext,
): Pick<LaunchRequest, 'sshPorts'> {
  const { port } = service.ssh;
  if (port === undefined) return {};
  const ports = machines.flatMap((name) => {
    const machine = state.machines.get(name);
    if (typeof port === 'number' || machine === undefined) return typeof port === 'number' ? [port] : [];
    return parsePort(rendered(() => render(port, scopes.connect(service, machine))) ?? '') ?? [];
  });
  return { sshPorts: [...new Set(ports)] };
}

/** A query for an image is handed over as JSON: `{"owner":…,"name":…}`. */
function renderImage(image: Service['image'], scope: Scope): string | null {
  if (image === null || isTemplate(image)) return image && render(image, scope);
  return JSON.stringify({ owner: render(image.owner, scope), name: render(image.name, scope) });
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
