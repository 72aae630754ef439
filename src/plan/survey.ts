import { inputsUsed, providerUses, useProblems } from './checks.ts';
import { colocate } from './colocate.ts';
import { templateOf } from './compiled.ts';
import type { Problem } from './diagnostic.ts';
import type { Draft } from './draft.ts';
import type { Reading } from './fields.ts';
import type { Level, Service } from './plan.ts';
import { isProviderType } from './provider-types.ts';
import { readService } from './read-service.ts';
import { scopeShapes } from './scope-shape.ts';
import { ttlUses } from './read-ttl.ts';
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

/**
 * Reads every service with the inputs that `reading` knows, and checks templates: all of them, or only those in
 * source files, whose paths inputs may decide.
 */
export function surveyPlan(draft: Draft, reading: Reading, check: 'all' | 'sources'): Survey {
  const shapeOf = scopeShapes(draft);
  const own = [...providerUses(draft), ...ttlUses(draft)];
  const problems: Problem[] = check === 'all' ? [...useProblems(draft, shapeOf, null, own)] : [];
  const nodes = own.map((use) => use.node);
  const levels = draft.levels.map((level): Level => {
    const siblings = new Set(level.services.map((service) => service.name));
    const services = level.services.map((service): Service => {
      const read = readService(reading, service);
      const sources = reading.sourceUses.get(service) ?? [];
      const uses = [...usesOf(service), ...sources];
      problems.push(...useProblems(draft, shapeOf, service, check === 'all' ? uses : sources));
      for (const use of uses) nodes.push(use.node);
      const effective = uses.filter(({ key }) => isInEffect(key, reading.providerTypes.get(read.provider)));
      const { oneByOne, peers } = deriveFromUses(draft, siblings, effective);
      return { ...read, peers, launchesOneByOne: read.launchesOneByOne || oneByOne };
    });
    return { name: level.name, index: level.index, services };
  });
  const colocated = colocate(draft, levels);
  problems.push(...(check === 'all' ? colocated.problems : []), ...colocated.counts);
  const found = [...reading.problems, ...problems];
  return { levels: colocated.levels, problems: found, used: inputsUsed(draft, nodes) };
}

/** False for options of another type of provider than the one in use. */
function isInEffect(key: string, type: string | undefined): boolean {
  return !isProviderType(key) || type === undefined || key === type;
}

/** Follows from which names a service's templates mention. */
function deriveFromUses(
  draft: Draft,
  siblings: ReadonlySet<string>,
  uses: readonly Use[],
): { readonly oneByOne: boolean; readonly peers: readonly string[] } {
  let oneByOne = false;
  const mentioned = new Set<string>();
  for (const { node, where } of uses) {
    if (!node.text.includes('{{')) continue;
    const template = templateOf(draft.library, node);
    if (template === undefined) continue;
    const { self, services } = referencesOf(template);
    if (where === 'launch') oneByOne ||= self.has('name') || self.has('index');
    if (where === 'bootstrap' || where === 'verify') for (const name of services) mentioned.add(name);
  }

  return { oneByOne, peers: [...mentioned].filter((name) => siblings.has(name)) };
}
