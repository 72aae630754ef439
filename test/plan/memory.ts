import { formatProblems } from '../../src/plan/diagnostic.ts';
import type { GivenInputs, PlanDocument, Resolved, ResolveRequest } from '../../src/plan/load.ts';
import { readPlan, resolvePlan } from '../../src/plan/load.ts';
import type { Plan, Service } from '../../src/plan/plan.ts';
import type { SourceEntry, Sources } from '../../src/sources.ts';
import { archivedSources } from '../../src/sources.ts';

const ROOT = '/plans';

/** Sources in memory below `/plans`: path → content; an executable script's content begins with `#!`. */
export function memory(files: Readonly<Record<string, string | Buffer>>): Sources {
  const archive = new Map<string, SourceEntry>();
  const directories = new Map<string, Set<string>>();
  for (const [path, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    archive.set(`${ROOT}/${path}`, {
      kind: 'file',
      mode: bytes.subarray(0, 2).toString() === '#!' ? 0o755 : 0o644,
      bytes,
    });
    const parts = `${ROOT}/${path}`.split('/');
    for (let depth = parts.length - 1; depth > 0; depth--) {
      const above = parts.slice(0, depth).join('/');
      directories.set(above, (directories.get(above) ?? new Set()).add(parts[depth] ?? ''));
    }
  }
  for (const [path, names] of directories) archive.set(path, { kind: 'directory', names: [...names].sort() });
  return archivedSources(archive);
}

export function read(text: string, files: Readonly<Record<string, string | Buffer>> = {}): PlanDocument {
  return readPlan(`${ROOT}/plan.yml`, memory({ 'plan.yml': text, ...files }));
}

export function resolve(
  document: PlanDocument,
  inputs: Partial<GivenInputs> = {},
  request: Partial<Omit<ResolveRequest, 'inputs'>> = {},
): Resolved {
  const given = { flags: [], files: [], recorded: {}, env: {}, ...inputs };
  return resolvePlan(document, { deployment: null, need: 'all', ...request, inputs: given });
}

/** The plan of a text that has no problems. */
export function planOf(
  text: string,
  files: Readonly<Record<string, string | Buffer>> = {},
  inputs: Partial<GivenInputs> = {},
): Plan {
  const { plan, problems } = resolve(read(text, files), inputs);
  if (plan === null) throw new Error(formatProblems(problems));
  return plan;
}

/** The service `web` of a plan with these lines as its keys. */
export function serviceOf(
  keys: string,
  files: Readonly<Record<string, string | Buffer>> = {},
  head = '',
): Service {
  return findService(planOf(planText(keys, head), files), 'web');
}

export function planText(keys: string, head = ''): string {
  const lines = keys.trim() === '' ? ' {}' : `\n${keys.replace(/^/gm, '        ')}`;
  return `version: 1\nname: test\n${head}\nlevels:\n  - name: one\n    services:\n      web:${lines}\n`;
}

export function findService(plan: Plan, name: string): Service {
  const service = plan.levels.flatMap((level) => level.services).find((each) => each.name === name);
  if (service === undefined) throw new Error(`The plan has no service "${name}".`);
  return service;
}

/** Messages of problems with their line and column. */
export function messages(problems: Resolved['problems']): readonly string[] {
  return problems.map((problem) => `${problem.line}:${problem.column} ${problem.message}`);
}
