import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEc2Endpoint } from '../support/ec2/endpoint.ts';
import { ec2Operations } from '../support/ec2-operation.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const PROGRAM = new URL('../../dist/cli/', import.meta.url).pathname;
const EC2_PLAN = new URL('../../plans/ec2-cluster.yml', import.meta.url).pathname;

/** Writes the address of every module that an `import` names to a file, in this process and those that it starts. */
const HOOK = `
import { appendFileSync } from 'node:fs';
export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context);
  appendFileSync(process.env.PLAN_TEST_IMPORTS, resolved.url + '\\n');
  return resolved;
}
`;

/** Each test starts many processes, one after another. */
const PATIENCE = 90_000;

/** Adds what was loaded by `require`, at the end. */
const REGISTER = (hook: string): string => `
import { appendFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
register(${JSON.stringify(hook)});
process.on('exit', () => {
  const required = Object.keys(createRequire(import.meta.url).cache);
  appendFileSync(process.env.PLAN_TEST_IMPORTS, required.map((path) => path + '\\n').join(''));
});
`;

let directory: string;
let runs = 0;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'plan-lazy-'));
  const hook = join(directory, 'hook.mjs');
  writeFileSync(hook, HOOK);
  writeFileSync(join(directory, 'register.mjs'), REGISTER(pathToFileURL(hook).href));
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface Loaded {
  readonly code: number;
  /** Addresses of all modules; of those that are part of a file of the program, paths. */
  readonly modules: readonly string[];
  /** Of those, what belongs to EC2. */
  readonly ofEc2: readonly string[];
}

/** A file of the program is made of many modules, and names each where it begins. */
function partsOf(address: string): readonly string[] {
  const path = address.replace('file://', '');
  if (!path.startsWith(PROGRAM)) return [address];
  return [...readFileSync(path, 'utf8').matchAll(/^\/\/ (src\/\S+)$/gm)].map(([, module = '']) => module);
}

/** Runs a command as a process of its own, and tells what it and the processes that it left behind loaded. */
async function loadedBy(argv: readonly string[]): Promise<Loaded> {
  runs += 1;
  const log = join(directory, `imports-${runs}`);
  writeFileSync(log, '');
  const register = pathToFileURL(join(directory, 'register.mjs')).href;
  const env = { ...process.env, NODE_OPTIONS: `--import ${register}`, PLAN_TEST_IMPORTS: log };
  const run = promisify(execFile)(process.execPath, [MAIN, ...argv], { cwd: directory, env });
  const code = await run.then(
    () => 0,
    (error: unknown) => (error as { readonly code: number }).code,
  );
  const modules = readFileSync(log, 'utf8').split('\n').filter(Boolean).flatMap(partsOf);
  return { code, modules, ofEc2: modules.filter((url) => /@aws-sdk|@smithy|\/providers\/ec2\//.test(url)) };
}

it(
  'commands on local machines load nothing of EC2',
  async () => {
    const plan = join(directory, 'local.yml');
    writeFileSync(
      plan,
      'version: 1\nname: local\nlevels:\n  - { name: all, services: { web: { bootstrap: { run: "true" } } } }\n',
    );
    const commands = [
      ['validate', plan],
      ['up', plan],
      ['diff', plan],
      ['status'],
      ['status', '--refresh'],
      ['list'],
      ['events'],
      ['output'],
      ['down', '--yes'],
      ['completion', 'bash'],
      ['help'],
      ['--version'],
    ];
    for (const argv of commands) {
      const { code, modules, ofEc2 } = await loadedBy(argv);
      expect({ argv, code, ofEc2 }).toEqual({ argv, code: 0, ofEc2: [] });
      expect(modules).toContain('src/cli/main.ts');
    }
  },
  PATIENCE,
);

it(
  'reading a plan or a deployment on EC2 loads nothing of EC2, asking EC2 does',
  async () => {
    await using endpoint = await startEc2Endpoint();
    const address = { ...endpoint, image: endpoint.fixtures().debian };
    await using operations = await ec2Operations(address, { machines: 1, pollInterval: '50ms' });
    expect(await operations.up()).toMatchObject({ outcome: 'succeeded' });
    const { accessKeyId, secretAccessKey } = endpoint.credentials;
    const inputs = ['--input', `key=${accessKeyId}`, '--input', `secret=${secretAccessKey}`];
    const state = ['--state-dir', operations.stateDirectory];
    const commands = [
      ['validate', EC2_PLAN],
      ['validate', operations.planPath],
      ['diff', operations.planPath, ...inputs, ...state],
      ['up', operations.planPath, ...inputs, ...state],
      ['status', ...state],
      ['list', ...state],
      ['events', ...state],
      ['output', ...state],
    ];
    for (const argv of commands) {
      const { code, ofEc2 } = await loadedBy(argv);
      expect({ argv, code, ofEc2 }).toEqual({ argv, code: 0, ofEc2: [] });
    }
    const { ofEc2 } = await loadedBy(['gc', ...state, ...inputs]);
    expect(ofEc2.some((url) => url.includes('@aws-sdk/client-ec2'))).toBe(true);
  },
  PATIENCE,
);
