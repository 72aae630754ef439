import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { workspace } from '../cli/command.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

const COMPILER_OPTIONS = {
  target: 'es2023',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  allowJs: true,
  checkJs: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
};

/** A strict project of its own that has this package among its dependencies, as it was built. */
export interface ConsumerProject extends AsyncDisposable {
  readonly path: string;
  /** What the compiler says; empty: it is content. */
  compile(...flags: readonly string[]): Promise<string>;
  /** Runs one of its files. Rejects when that fails. */
  run(
    file: string,
    options?: { readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> },
  ): Promise<{ readonly stdout: string; readonly stderr: string }>;
}

/** `programs`: those of the files that are compiled. */
export async function consumerProject(
  files: Readonly<Record<string, string>>,
  programs: readonly string[],
): Promise<ConsumerProject> {
  const space = await workspace({
    'package.json': JSON.stringify({ name: 'consumer', type: 'module' }),
    'tsconfig.json': JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files: programs }),
  });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(space.path, name)), { recursive: true });
    await writeFile(join(space.path, name), text);
  }
  await mkdir(join(space.path, 'node_modules/@types'), { recursive: true });
  await symlink(ROOT, join(space.path, 'node_modules/launch-plan'));
  await symlink(join(ROOT, 'node_modules/@types/node'), join(space.path, 'node_modules/@types/node'));
  return {
    path: space.path,
    async compile(...flags) {
      const { stdout } = await run(process.execPath, [TSC, '-p', '.', ...flags], { cwd: space.path }).catch(
        (error: unknown) => error as { readonly stdout: string },
      );
      return stdout;
    },
    run: (file, { args = [], env = {} } = {}) =>
      run(process.execPath, [file, ...args], { cwd: space.path, env: { ...process.env, ...env } }),
    [Symbol.asyncDispose]: () => space[Symbol.asyncDispose](),
  };
}
