import { dirname, join } from 'node:path';
import type { Sources } from '../sources.ts';
import { nameProblems, unusedInputs } from './checks.ts';
import { declaredInputs } from './declared-inputs.ts';
import type { Problem } from './diagnostic.ts';
import type { Draft } from './draft.ts';
import type { Reading } from './fields.ts';
import { readLevels } from './levels.ts';
import { openLibrary } from './library.ts';
import type { PlanDocument } from './document.ts';
import { nearest } from '../nearest.ts';
import type { Node } from './node.ts';
import { child, entriesOf, scalarOf, stringOf } from './node.ts';
import { isName } from './names.ts';
import { arrangeProblems } from './problems.ts';
import { UNDECLARED_PROVIDERS } from './provider-types.ts';
import { readProviders } from './read-providers.ts';
import { readTtl } from './read-ttl.ts';
import { readYaml } from './read-yaml.ts';
import type { YamlFile } from './read-yaml.ts';
import { validateShape } from './schema.ts';
import { surveyPlan } from './survey.ts';
import { problemAt, textFile } from './text-file.ts';

/** Reads and checks the plan at an absolute path. */
export function readDocument(path: string, base: Sources, show: (path: string) => string): PlanDocument {
  const library = openLibrary(base, show);
  const yaml = readYaml(library, path);
  if (yaml === null) return unreadable(path, base, show);
  if (yaml.root === null)
    return {
      name: null,
      problems: arrangeProblems(yaml.problems, yaml.file.shown),
      warnings: [],
      draft: null,
    };
  const problems: Problem[] = [...yaml.problems, ...validateShape(yaml.root, 'plan')];
  const { levels, names } = readLevels(library, yaml.root, problems);
  const draft: Draft = { ...readHead(yaml, yaml.root, problems), levels, library, base };
  const reading = emptyReading(draft);
  readProviders(draft, reading);
  readTtl(draft, reading);
  const survey = surveyPlan(draft, reading, 'all');
  problems.push(...nameProblems(draft, names), ...survey.problems);
  const warnings = problems.length > 0 || reading.unreadSources ? [] : unusedInputs(draft, survey.used);
  const { shown } = draft.file;
  return {
    name: draft.name,
    problems: arrangeProblems(problems, shown),
    warnings: arrangeProblems(warnings, shown),
    draft,
  };
}

function unreadable(path: string, sources: Sources, show: (path: string) => string): PlanDocument {
  const shown = show(path);
  const directory = sources.read(dirname(path));
  const names = directory?.kind === 'directory' ? directory.names : [];
  const near = nearest(path.slice(dirname(path).length).replace(/^\//, ''), names);
  const message = `Cannot read plan "${shown}": there is no file that can be read`;
  const suggestion = near === null ? null : `Did you mean "${show(join(dirname(path), near))}"?`;
  const problem = problemAt({ file: textFile(path, shown, ''), offset: 0, length: 1 }, message, suggestion);
  return { name: null, problems: [problem], warnings: [], draft: null };
}

function readHead(
  { file }: YamlFile,
  root: Node,
  problems: Problem[],
): Pick<Draft, 'file' | 'name' | 'description' | 'inputs' | 'providers' | 'ttl'> {
  const name = stringOf(child(root, 'name'));
  return {
    file,
    name: name !== undefined && isName(name) ? name : null,
    ttl: scalarOf(child(root, 'ttl')),
    description: stringOf(child(root, 'description')) ?? null,
    inputs: declaredInputs(child(root, 'inputs'), problems),
    providers: new Map([...entriesOf(child(root, 'providers'))].map((entry) => [entry.key, entry])),
  };
}

/** Nothing is known yet: only what does not depend on inputs is read. */
function emptyReading(draft: Draft): Reading {
  return {
    library: draft.library,
    inputs: {},
    deployment: null,
    declared: draft.inputs,
    providers: new Set([...UNDECLARED_PROVIDERS, ...draft.providers.keys()]),
    providerTypes: new Map(),
    problems: [],
    sourceUses: new Map(),
    unreadSources: false,
  };
}
