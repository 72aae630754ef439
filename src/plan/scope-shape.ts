import { BUILT_IN_ATTRIBUTES } from '../machine.ts';
import type { Draft, DraftOutput, DraftService } from './draft.ts';
import { servicesOf } from './draft.ts';
import type { Names, ScopeShape, ServiceShape } from './template.ts';
import type { Where } from './uses.ts';

const LAUNCH_SELF = ['service', 'level', 'name', 'index'] as const;
const NO_SERVICES =
  'this is decided before any machine is launched, so only inputs, deployment and launch-time self attributes are known';
const NO_MACHINES = 'this is decided before any machine exists, so only inputs and deployment are known';

/** Tells what templates of a service may read, by where they stand. */
export type ShapeOf = (service: DraftService, where: Where) => ScopeShape;

export function scopeShapes(draft: Draft): ShapeOf {
  const inputs = [...draft.inputs.keys()];
  const services = servicesOf(draft);
  const nothing = refuseAll(services, NO_MACHINES);
  const beforeLaunch = refuseAll(services, NO_SERVICES);
  const perLevel = new Map<string, Readonly<Record<string, ServiceShape>>>();
  function ofLevel(level: number, own: boolean): Readonly<Record<string, ServiceShape>> {
    const key = `${level} ${own}`;
    const known = perLevel.get(key);
    if (known !== undefined) return known;
    const shapes = Object.fromEntries(services.map((other) => [other.name, seenFrom(level, other, own)]));
    perLevel.set(key, shapes);
    return shapes;
  }
  const seen = new Map<DraftService, Map<Where, ScopeShape>>();
  function build(service: DraftService, where: Where): ScopeShape {
    switch (where) {
      case 'plan':
        return { inputs, deployment: true, self: noSelf(service.outputs), services: nothing };
      case 'launch':
        return { inputs, deployment: true, self: launchSelf(service), services: beforeLaunch };
      case 'ssh':
        return {
          inputs,
          deployment: true,
          self: launchSelf(service),
          services: ofLevel(service.levelIndex, false),
        };
      case 'bootstrap':
        return {
          inputs,
          deployment: true,
          self: ownNames(service, false),
          services: ofLevel(service.levelIndex, true),
        };
      case 'verify':
        return {
          inputs,
          deployment: true,
          self: ownNames(service, true),
          services: ofLevel(service.levelIndex, true),
        };
    }
  }
  return (service, where) => {
    const shapes = seen.get(service) ?? new Map<Where, ScopeShape>();
    seen.set(service, shapes);
    const shape = shapes.get(where) ?? build(service, where);
    shapes.set(where, shape);
    return shape;
  };
}

/** What templates outside of services may read. */
export function planShape(draft: Draft): ScopeShape {
  const services = refuseAll(servicesOf(draft), NO_MACHINES);
  return { inputs: [...draft.inputs.keys()], deployment: true, self: noSelf([]), services };
}

function noSelf(outputs: readonly DraftOutput[]): Names {
  const names = [...BUILT_IN_ATTRIBUTES, ...outputs.map((output) => output.name)];
  return { known: [], refused: Object.fromEntries(names.map((name) => [name, NO_MACHINES])) };
}

function refuseAll(services: readonly DraftService[], why: string): Readonly<Record<string, ServiceShape>> {
  return Object.fromEntries(services.map((service) => [service.name, { kind: 'refused', why }]));
}

function seenFrom(level: number, other: DraftService, own: boolean): ServiceShape {
  if (other.levelIndex > level) return { kind: 'refused', why: `"${other.name}" is in a later level` };
  if (other.levelIndex < level) return { kind: 'available', attributes: ownNames(other, true) };
  if (own) return { kind: 'available', attributes: ownNames(other, false) };
  return {
    kind: 'refused',
    why: `"${other.name}" is in the same level, and only services of earlier levels are known here`,
  };
}

function ownNames(service: DraftService, outputs: boolean): Names {
  const names = service.outputs.map((output) => output.name);
  if (outputs) return { known: [...BUILT_IN_ATTRIBUTES, ...names], refused: {} };
  const why = `outputs of "${service.name}" are known once its bootstrap has ended`;
  return { known: BUILT_IN_ATTRIBUTES, refused: Object.fromEntries(names.map((name) => [name, why])) };
}

function launchSelf(service: DraftService): Names {
  const known: readonly string[] = LAUNCH_SELF;
  const later = [...BUILT_IN_ATTRIBUTES, ...service.outputs.map((output) => output.name)];
  const refused = later
    .filter((name) => !known.includes(name))
    .map((name) => [name, 'it is not known before the launch']);
  return { known, refused: Object.fromEntries(refused) as Record<string, string> };
}
