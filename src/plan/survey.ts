import { inputsUsed, providerTemplates, useProblems } from './checks.ts';
import { templateOf } from './compiled.ts';
import type { Problem } from './diagnostic.ts';
import type { Draft, DraftService } from './draft.ts';
import { servicesOf } from './draft.ts';
import type { Reading } from './fields.ts';
import type { Level, Service } from './plan.ts';
import { readService } from './read-service.ts';
import { scopeShapes } from './scope-shape.ts';
import { referencesOf } from './template.ts';
import type { Use } from './uses.ts';
import { usesOf } from './uses.ts';

/** The levels of a draft as far as the inputs are known, and what their templates use. */
export interface Survey {
  readonly levels: readonly Level[];
  readonly problems: readonly Problem[];
  /** Inputs that a template mentions. */
  readonly used: ReadonlySet<string>;
}

/** Reads every service with the inputs that `reading` knows, and checks every template, also in files. */
export function surveyPlan(draft: Draft, reading: Reading): Survey {
  const shapeOf = scopeShapes(draft);
  const problems: Problem[] = [];
  const nodes = [...providerTemplates(draft)];
  const levels = draft.levels.map((level): Level => {
    const services = level.services.map((service) => {
      const read = readService(reading, service, { launchesOneByOne: false, peers: [] });
      const uses = [...usesOf(service), ...(reading.sourceUses.get(service) ?? [])];
      problems.push(...useProblems(draft, shapeOf, service, uses));
      for (const use of uses) nodes.push(use.node);
      return { ...read, ...deriveFromUses(draft, service, uses) };
    });
    return { name: level.name, index: level.index, services };
  });
  return { levels, problems: [...reading.problems, ...problems], used: inputsUsed(draft, nodes) };
}

/** Follows from which names a service's templates mention. */
function deriveFromUses(
  draft: Draft,
  service: DraftService,
  uses: readonly Use[],
): Pick<Service, 'launchesOneByOne' | 'peers'> {
  let launchesOneByOne = false;
  const mentioned = new Set<string>();
  for (const { node, where } of uses) {
    if (!node.text.includes('{{')) continue;
    const template = templateOf(draft.library, node);
    if (template === undefined) continue;
    const { self, services } = referencesOf(template);
    if (where === 'launch') launchesOneByOne ||= self.has('name') || self.has('index');
    if (where === 'bootstrap' || where === 'verify') for (const name of services) mentioned.add(name);
  }
  if (mentioned.size === 0) return { launchesOneByOne, peers: [] };
  const level = servicesOf({ levels: draft.levels.slice(service.levelIndex, service.levelIndex + 1) });
  return { launchesOneByOne, peers: level.map((other) => other.name).filter((name) => mentioned.has(name)) };
}
