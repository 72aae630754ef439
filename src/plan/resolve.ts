import { dirname } from 'node:path';
import type { Scalar } from '../json.ts';
import { inputsUsed, providerUses, unusedInputs } from './checks.ts';
import { digestSources } from './digest.ts';
import type { Problem } from './diagnostic.ts';
import type { Draft } from './draft.ts';
import { servicesOf } from './draft.ts';
import type { Reading } from './fields.ts';
import { renderText, showRendered } from './fields.ts';
import type { InputValues } from './inputs.ts';
import { inputValues } from './inputs.ts';
import { forkLibrary } from './library.ts';
import type { PlanDocument, Resolved, ResolveRequest } from './document.ts';
import { didYouMean } from './nearest.ts';
import { child } from './node.ts';
import { isName } from './names.ts';
import type { Plan, ProviderConfig } from './plan.ts';
import { arrangeProblems, quoted } from './problems.ts';
import { surveyPlan } from './survey.ts';
import { problemAt } from './text-file.ts';
import { teardownNeeds, usesOf } from './uses.ts';

const PROVIDER_TYPES: readonly string[] = ['local'];

export function resolveDocument(document: PlanDocument, request: ResolveRequest): Resolved {
  const { draft } = document;
  if (draft === null) return { plan: null, problems: document.problems, warnings: document.warnings };
  const inputs = inputValues(draft, request.inputs, neededInputs(draft, request.need));
  const deployment = request.deployment ?? draft.name ?? '';
  const problems: Problem[] = [
    ...document.problems,
    ...inputs.problems,
    ...deploymentProblems(draft, request),
  ];
  const reading = startReading(draft, inputs, deployment);
  const providers = readProviders(draft, reading);
  const survey = surveyPlan(draft, reading, 'sources');
  problems.push(...survey.problems);
  const warnings = [...document.warnings, ...inputs.warnings];
  if (problems.length === 0 && !reading.unreadSources) warnings.push(...unusedInputs(draft, survey.used));
  const { shown, path } = draft.file;
  const report = { problems: arrangeProblems(problems, shown), warnings: arrangeProblems(warnings, shown) };
  if (draft.name === null || problems.length > 0) return { plan: null, ...report };
  const sources = reading.library.recorded;
  const plan: Plan = {
    name: draft.name,
    description: draft.description,
    deployment,
    path,
    digest: digestSources(sources, dirname(path)),
    inputs: inputs.values,
    providers,
    levels: survey.levels,
    sources,
  };
  return { plan, ...report };
}

function startReading(draft: Draft, inputs: InputValues, deployment: string): Reading {
  const known = Object.entries(inputs.values).flatMap(([name, { value }]): [string, Scalar][] =>
    value === undefined ? [] : [[name, value]],
  );
  return {
    library: forkLibrary(draft.library, draft.base),
    inputs: Object.fromEntries(known),
    deployment,
    sensitive: new Set(
      [...draft.inputs.values()].filter((input) => input.sensitive).map((input) => input.name),
    ),
    providers: new Set(['local', ...draft.providers.keys()]),
    problems: [],
    sourceUses: new Map(),
    unreadSources: false,
  };
}

function neededInputs(draft: Draft, need: ResolveRequest['need']): (input: string) => boolean {
  switch (need) {
    case 'all':
      return () => true;
    case 'none':
      return () => false;
    case 'teardown': {
      const uses = servicesOf(draft).flatMap((service) =>
        usesOf(service).filter((use) => teardownNeeds(service, use)),
      );
      const needed = inputsUsed(
        draft,
        [...providerUses(draft), ...uses].map((use) => use.node),
      );
      return (input) => needed.has(input);
    }
  }
}

function deploymentProblems(draft: Draft, { deployment }: ResolveRequest): readonly Problem[] {
  if (deployment === null || isName(deployment)) return [];
  const message = `Cannot use ${quoted(deployment)} as the name of a deployment: it is not a name`;
  const rule = 'A name is a small letter, then letters, digits and inner dashes, at most 40 characters.';
  return [problemAt({ file: draft.file, offset: 0, length: 1 }, message, rule)];
}

function readProviders(draft: Draft, reading: Reading): Readonly<Record<string, ProviderConfig>> {
  const declared = [...draft.providers.values()].map(({ key, value }): [string, ProviderConfig] => {
    const node = child(value, 'type');
    const type = renderText(reading, node) ?? 'local';
    if (node !== undefined && !PROVIDER_TYPES.includes(type)) {
      const message = `Cannot use "type": ${quoted(showRendered(reading, node, type))} is not ${PROVIDER_TYPES.map(quoted).join(', ')}`;
      reading.problems.push(problemAt(node.place, message, didYouMean(type, PROVIDER_TYPES)));
    }
    return [key, { name: key, type, options: {} }];
  });
  return Object.fromEntries([['local', { name: 'local', type: 'local', options: {} }], ...declared]);
}
