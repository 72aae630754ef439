import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

/** What each folder may import beside itself and the vocabulary (the files of `src/` itself). */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  '': [],
  plan: [],
  state: [],
  providers: [],
  connection: [],
  engine: ['plan', 'state', 'providers', 'connection'],
  api: ['engine', 'plan', 'state', 'providers', 'connection'],
  cli: ['api'],
};

/** The one file that may import each npm dependency; the local provider is another program, so it has its own. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-ec2': ['providers/ec2/ec2-client.ts'],
  '@aws-sdk/client-service-quotas': ['providers/ec2/quotas-client.ts'],
  '@aws-sdk/client-ssm': ['providers/ec2/ssm-client.ts'],
  ajv: ['plan/schema.ts'],
  'better-sqlite3': ['state/database.ts', 'providers/local/hosting-lock.ts'],
  commander: ['cli/parse.ts'],
  dockerode: ['docker-transport.ts'],
  'fastest-levenshtein': ['nearest.ts'],
  handlebars: ['plan/template-syntax.ts'],
  'log-update': ['cli/render/live-area.ts'],
  'p-queue': ['queue.ts'],
  picocolors: ['cli/render/style.ts'],
  'ssh-config': ['providers/hosts/ssh-config.ts'],
  ssh2: ['connection/ssh.ts', 'providers/local/ssh-server.ts'],
  'string-width': ['cli/render/clip.ts'],
  yaml: ['yaml.ts'],
};

/** Decisions are pure: no input or output, no clock, no promise, no randomness. The reader reads, and nothing else. */
const PURE =
  /^(plan\/(?!file-sources\.ts|schema\.ts)|state\/(deployment-state|select.*|apply-fact|apply-launch|apply-end|replace|machine-stages|tally|machine-state|status.*)\.ts|engine\/(reconcile.*|rehearsal|forecast.*|difference|step|outputs)\.ts)/;
const IMPURE = [
  /'node:(?!path|crypto|buffer|util|url)\w+/,
  /\bDate\.now\b|\bnew Date\(\)/,
  /\bPromise\b|\basync\b|\bawait\b/,
  /\bMath\.random\b|\brandomUUID\b/,
];

interface SourceFile {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly { readonly target: string; readonly isType: boolean }[];
}

const files: readonly SourceFile[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    const statements = text.matchAll(
      /^(?:import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'|import\('([^']+)'\)/gm,
    );
    const imports = [...statements].map(([, type, target, lazy]) => ({
      target: target ?? lazy ?? '',
      isType: type !== undefined,
    }));
    return { path, folder: folderOf(path), text, imports };
  });

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

/** The imported file, relative to `src/`; undefined for a package. */
function imported(file: SourceFile, target: string): string | undefined {
  return target.startsWith('.') ? relative(SRC, resolve(SRC, dirname(file.path), target)) : undefined;
}

describe('the architecture', () => {
  it('lets each folder import only what is below it', () => {
    const wrong = files.flatMap((file) =>
      file.imports.flatMap(({ target }) => {
        const path = imported(file, target);
        if (path === undefined) return [];
        const folder = folderOf(path);
        const allowed =
          file.path === 'index.ts'
            ? folder === 'api' || folder === ''
            : folder === file.folder || folder === '' || LAYERS[file.folder]?.includes(folder);
        return allowed === true ? [] : [`${file.path} imports ${path}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('knows every folder', () => {
    expect([...new Set(files.map(({ folder }) => folder))].sort()).toEqual(Object.keys(LAYERS).sort());
  });

  it('has no cycles', () => {
    const graph = new Map(
      files.map((file) => [file.path, file.imports.flatMap(({ target }) => imported(file, target) ?? [])]),
    );
    const done = new Set<string>();
    const cycles: string[] = [];
    function visit(path: string, trail: readonly string[]): void {
      if (trail.includes(path)) {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
        return;
      }
      if (done.has(path)) return;
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    }
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('imports each dependency in one file', () => {
    const found = new Map<string, Set<string>>();
    for (const file of files) {
      for (const { target } of file.imports) {
        if (target.startsWith('.') || target.startsWith('node:')) continue;
        const name = target
          .split('/')
          .slice(0, target.startsWith('@') ? 2 : 1)
          .join('/');
        found.set(name, (found.get(name) ?? new Set()).add(file.path));
      }
    }
    const owners = Object.fromEntries([...found].map(([name, paths]) => [name, [...paths].sort()]));
    expect(owners).toEqual(
      Object.fromEntries(Object.entries(OWNERS).map(([name, paths]) => [name, [...paths].sort()])),
    );
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object };
    expect(Object.keys(manifest.dependencies).sort()).toEqual(Object.keys(OWNERS).sort());
  });

  it('decides without input, output, clock, promise or randomness', () => {
    const wrong = files
      .filter(({ path }) => PURE.test(path))
      .flatMap(({ path, text }) => {
        const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
        return IMPURE.flatMap((pattern) => pattern.exec(code)?.[0] ?? []).map((match) => `${path}: ${match}`);
      });
    expect(wrong).toEqual([]);
  });

  it('has an API that neither prints, nor asks, nor ends the process', () => {
    const wrong = files
      .filter(({ path }) => path.startsWith('api/') || path === 'index.ts')
      .flatMap(({ path, text }) => {
        const found =
          /\bconsole\b|\bprocess\.(?:stdout|stderr|stdin|exit\w*|on|once|kill)\b|node:readline/.exec(
            text,
          )?.[0];
        return found === undefined ? [] : [`${path}: ${found}`];
      });
    expect(wrong).toEqual([]);
  });

  it('prints in the renderers only, and exports by name', () => {
    const printing = files.filter(
      ({ path, text }) => /\bconsole\./.test(text) && !path.startsWith('cli/render/'),
    );
    expect(printing.map(({ path }) => path)).toEqual([]);
    expect(files.filter(({ text }) => /^export default/m.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('names files in kebab-case', () => {
    expect(
      files.map(({ path }) => path).filter((path) => !/^([a-z0-9-]+\/)*[a-z0-9-]+\.ts$/.test(path)),
    ).toEqual([]);
  });
});
