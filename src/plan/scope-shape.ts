import { BUILT_IN_ATTRIBUTES } from '../machine.ts';
import type { Draft, DraftService } from './draft.ts';
import { servicesOf } from './draft.ts';
import type { Names, ScopeShape, ServiceShape } from './template.ts';
import type { Where } from './uses.ts';

const LAUNCH_SELF: readonly string[] = ['service', 'level', 'name', 'index'];
const BEFORE_MACHINES = 'this is decided before there is any machine, by inputs and deployment.name alone';
const BEFORE_LAUNCH = 'this is decided before the launch, when no machine of any service is looked at';
const SAME_LEVEL = 'only services of earlier levels are known here';

/** Tells what a template may read, by where it stands; null stands for a template outside of services. */
export type ShapeOf = (
  service: DraftService | null,
  where: Where,
  mentioned: ReadonlySet<string>,
) => ScopeShape;

export function scopeShapes(draft: Draft): ShapeOf {
  const inputs = [...draft.inputs.keys()];
  const services = new Map<string, DraftService>();
  for (const service of servicesOf(draft))
    if (!services.has(service.name)) services.set(service.name, service);
  const names = new Map<
    DraftService,
    { readonly all: Names; readonly builtIn: Names; readonly launch: Names; readonly none: Names }
  >();

  function namesOf(service: DraftService) {
    const known = names.get(service);
    if (known !== undefined) return known;
    const outputs = service.outputs.map((output) => output.name);
    const every = [...BUILT_IN_ATTRIBUTES, ...outputs];
    const made = {
      all: { known: every, refused: {} },
      builtIn: {
        known: BUILT_IN_ATTRIBUTES,
        refused: refuse(outputs, `outputs of "${service.name}" are known once its bootstrap has ended`),
      },
      launch: {
        known: LAUNCH_SELF,
        refused: refuse(
          every.filter((name) => !LAUNCH_SELF.includes(name)),
          'it is not known before the launch',
        ),
      },
      none: { known: [], refused: refuse(every, BEFORE_MACHINES) },
    };
    names.set(service, made);
    return made;
  }

  function selfIn(service: DraftService | null, where: Where): Names {
    if (service === null) return { known: [], refused: refuse(BUILT_IN_ATTRIBUTES, BEFORE_MACHINES) };
    const { all, builtIn, launch, none } = namesOf(service);
    return { plan: none, launch, ssh: launch, bootstrap: builtIn, verify: all }[where];
  }

  function seenFrom(service: DraftService | null, where: Where, other: DraftService): ServiceShape {
    if (service === null || where === 'plan') return { kind: 'refused', why: BEFORE_MACHINES };
    if (where === 'launch') return { kind: 'refused', why: BEFORE_LAUNCH };
    if (other.levelIndex > service.levelIndex)
      return { kind: 'refused', why: `"${other.name}" is in a later level` };
    if (other.levelIndex < service.levelIndex) return { kind: 'available', attributes: namesOf(other).all };
    if (where === 'ssh')
      return { kind: 'refused', why: `"${other.name}" is in the same level, and ${SAME_LEVEL}` };
    return { kind: 'available', attributes: namesOf(other).builtIn };
  }

  return (service, where, mentioned) => {
    const seen: Record<string, ServiceShape> = {};
    for (const name of mentionedOrAll(mentioned)) {
      const other = services.get(name);
      if (other !== undefined) seen[name] = seenFrom(service, where, other);
    }
    return { inputs, deployment: true, self: selfIn(service, where), services: seen };
  };

  /** All of them where one is unknown, so that a near one can be suggested. */
  function mentionedOrAll(mentioned: ReadonlySet<string>): Iterable<string> {
    for (const name of mentioned) if (!services.has(name)) return services.keys();
    return mentioned;
  }
}

function refuse(names: readonly string[], why: string): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, why]));
}
