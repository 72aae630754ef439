import { dirname } from 'node:path';
import type { Scalar } from '../json.ts';
import { inputsOfProviders, inputsUsed, unusedInputs } from './checks.ts';
import { digestSources } from './digest.ts';
import type { Problem } from './diagnostic.ts';
import type { Draft } from './draft.ts';
import { servicesOf } from './draft.ts';
import type { Reading } from './fields.ts';
import type { InputValues } from './inputs.ts';
import { inputValues } from './inputs.ts';
import { forkLibrary } from './library.ts';
import type { PlanDocument, Resolved, ResolveRequest } from './document.ts';
import { isName } from './names.ts';
import type { Plan } from './plan.ts';
import { arrangeProblems, quoted } from './problems.ts';
import { UNDECLARED_PROVIDERS } from './provider-types.ts';
import { readProviders } from './read-providers.ts';
import { readTtl } from './read-ttl.ts';
import { surveyPlan } from './survey.ts';
import { problemAt } from './text-file.ts';
import { teardownNeeds, usesOf } from './uses.ts';

export function resolveDocument(document: PlanDocument, request: ResolveRequest): Resolved {
  const { draft } = document;
  if (draft === null) return { plan: null, problems: document.problems, warnings: document.warnings };
  const inputs = inputValues(draft, request.inputs, neededInputs(draft, request));
  const deployment = request.deployment ?? draft.name ?? '';
  const problems: Problem[] = [
    ...document.problems,
    ...inputs.problems,
    ...deploymentProblems(draft, request),
  ];
  const reading = startReading(draft, inputs, deployment);
  const providers = readProviders(draft, reading);
  const ttl = readTtl(draft, reading);
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
    ttl,
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
    declared: draft.inputs,
    providers: new Set([...UNDECLARED_PROVIDERS, ...draft.providers.keys()]),
    providerTypes: new Map(),
    problems: [],
    sourceUses: new Map(),
    unreadSources: false,
  };
}

function neededInputs(draft: Draft, { need, providers }: ResolveRequest): (input: string) => boolean {
  if (need === 'all') return () => true;
  const opened = providers ?? (need === 'teardown' ? draft.providers.keys() : []);
  const needed = new Set(inputsOfProviders(draft, opened));
  if (need === 'teardown') {
    const uses = servicesOf(draft).flatMap((service) =>
      usesOf(service).filter((use) => teardownNeeds(service, use)),
    );
    const nodes = uses.map((use) => use.node);
    for (const input of inputsUsed(draft, nodes)) needed.add(input);
  }
  return (input) => needed.has(input);
}

function deploymentProblems(draft: Draft, { deployment }: ResolveRequest): readonly Problem[] {
  if (deployment === null || isName(deployment)) return [];
  const message = `Cannot use ${quoted(deployment)} as the name of a deployment: it is not a name`;
  const rule = 'A name is a small letter, then letters, digits and inner dashes, at most 40 characters.';
  return [problemAt({ file: draft.file, offset: 0, length: 1 }, message, rule)];
}
