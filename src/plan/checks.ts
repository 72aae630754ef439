import { templateOf, templateProblem, templateSyntaxProblem } from './compiled.ts';
import type { Problem } from './diagnostic.ts';
import type { Draft, DraftService } from './draft.ts';
import { keyOf, servicesOf } from './draft.ts';
import type { ScalarNode } from './node.ts';
import { scalarsIn } from './node.ts';
import { quoted } from './problems.ts';
import type { ShapeOf } from './scope-shape.ts';
import { checkTemplate, referencesOf } from './template.ts';
import { problemAt } from './text-file.ts';
import type { Place } from './text-file.ts';
import type { Use } from './uses.ts';

/** Every name in templates that their place does not allow. `service` is null for templates outside of services. */
export function useProblems(
  draft: Draft,
  shapeOf: ShapeOf,
  service: DraftService | null,
  uses: readonly Use[],
): readonly Problem[] {
  return uses.flatMap(({ node, where }) => {
    if (!node.text.includes('{{')) return [];
    const template = templateOf(draft.library, node);
    if (template === undefined) return templateSyntaxProblem(draft.library, node) ?? [];
    const shape = shapeOf(service, where, referencesOf(template).services);
    return checkTemplate(template, shape).map((problem) => templateProblem(node, problem));
  });
}

/** The templates of `providers`, of all or of these. */
export function providerUses(draft: Draft, names: Iterable<string> = draft.providers.keys()): readonly Use[] {
  const nodes = [...names].flatMap((name) => {
    const entry = draft.providers.get(name);
    return entry === undefined ? [] : scalarsIn(entry.value);
  });
  return nodes.map((node) => ({ node, where: 'plan', key: 'providers' }));
}

/** Names of the inputs that the configurations of these providers mention. */
export function inputsOfProviders(draft: Draft, names: Iterable<string>): ReadonlySet<string> {
  return inputsUsed(
    draft,
    providerUses(draft, names).map((use) => use.node),
  );
}

/** Names that are taken twice, and outputs that nothing reports. */
export function nameProblems(
  draft: Draft,
  levelNames: readonly { readonly name: string; readonly place: Place }[],
): readonly Problem[] {
  const services = servicesOf(draft);
  return [
    ...twice('level', levelNames),
    ...twice('service', services),
    ...services.flatMap(unreportedOutputs),
  ];
}

function twice(
  what: string,
  named: readonly { readonly name: string; readonly place: Place }[],
): readonly Problem[] {
  const first = new Map<string, { readonly name: string; readonly place: Place }>();
  const problems: Problem[] = [];
  for (const each of named) {
    const other = first.get(each.name.toLowerCase());
    if (other === undefined) {
      first.set(each.name.toLowerCase(), each);
      continue;
    }
    const { file, line } = problemAt(other.place, '');
    const message = `Cannot call two ${what}s ${quoted(each.name)}: ${quoted(other.name)} is in ${file}:${line} already`;
    problems.push(problemAt(each.place, message));
  }
  return problems;
}

function unreportedOutputs(service: DraftService): readonly Problem[] {
  if (keyOf(service, 'bootstrap') !== undefined) return [];
  return service.outputs
    .filter((output) => output.value === undefined)
    .map((output) =>
      problemAt(
        output.place,
        `Cannot report output ${quoted(output.name)}: service ${quoted(service.name)} has no bootstrap`,
        'Give it a value, or add a bootstrap script that reports it.',
      ),
    );
}

/** Names of the inputs that templates mention. */
export function inputsUsed(draft: Draft, nodes: readonly ScalarNode[]): ReadonlySet<string> {
  const used = new Set<string>();
  for (const node of nodes) {
    if (!node.text.includes('{{')) continue;
    const template = templateOf(draft.library, node);
    if (template !== undefined) for (const input of referencesOf(template).inputs) used.add(input);
  }
  return used;
}

export function unusedInputs(draft: Draft, used: ReadonlySet<string>): readonly Problem[] {
  return [...draft.inputs.values()]
    .filter((input) => !used.has(input.name))
    .map((input) => problemAt(input.place, `Input ${quoted(input.name)} is declared but not used`));
}
