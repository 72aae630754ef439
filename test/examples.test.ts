import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cloudScenario, SSH_PORT } from './scenarios/cloud-scenario.ts';
import type { ConsumerProject } from './support/consumer-project.ts';
import { consumerProject } from './support/consumer-project.ts';
import { machinesMissing } from './support/ec2/machines.ts';

const EXAMPLES = new URL('../examples/', import.meta.url).pathname;
const NAMES = readdirSync(EXAMPLES);

let project: ConsumerProject;

beforeAll(async () => {
  const files = NAMES.flatMap((name) => ['main.mjs', 'plan.yml'].map((file) => `${name}/${file}`));
  project = await consumerProject(
    Object.fromEntries(files.map((file) => [file, readFileSync(join(EXAMPLES, file), 'utf8')])),
    files.filter((file) => file.endsWith('.mjs')),
  );
});

afterAll(() => project[Symbol.asyncDispose]());

/** The lines that an example prints. */
async function linesOf(name: string, options: Parameters<ConsumerProject['run']>[1] = {}) {
  const { stdout, stderr } = await project.run(`${name}/main.mjs`, options);
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

it('the examples are right in the eyes of a strict compiler', async () => {
  expect(await project.compile('--noEmit')).toBe('');
});

it('hello-world runs a command on a machine', async () => {
  const [line = '', ...more] = await linesOf('hello-world');
  expect(line).toMatch(/^hello-0: Hello world from \S+$/);
  expect(more).toEqual([]);
});

it('lifecycle stops and starts what is selected, and gives machines a fresh start', async () => {
  expect(await linesOf('lifecycle')).toEqual([
    'worker-0 runs Linux',
    'worker-1 runs Linux',
    'worker-2 runs Linux',
    'spare-0 runs Linux',
    'off: worker-2, spare-0',
    'on: worker-2 done, spare-0 done',
    'worker-0 is fresh',
    'worker-1 is fresh',
    'worker-2 is fresh',
  ]);
});

it('workers-first ends the workers while the base is there to sign off from', async () => {
  expect(await linesOf('workers-first')).toEqual([
    'found worker-0, worker-1, worker-2',
    '3 of them answer',
    'base-0 knows 3 workers',
    'workers succeeded',
    'base-0 knows 0 workers',
    'base succeeded',
  ]);
});

const missing = machinesMissing();

describe.skipIf(missing !== undefined)(`on machines${missing === undefined ? '' : `: ${missing}`}`, () => {
  it('two-clouds brings the results of both home', async () => {
    const { endpoint, alive } = await cloudScenario({ regions: ['us-west-2', 'us-east-1'] });
    const { accessKeyId, secretAccessKey } = endpoint.credentials;
    const { url } = endpoint;
    const [one, other] = ['us-west-2', 'us-east-1'].map((region) => endpoint.fixtures({ region }).debian);
    const inputs = {
      oneEndpoint: url,
      otherEndpoint: url,
      oneImage: one,
      otherImage: other,
      sshPort: SSH_PORT,
    };
    const lines = await linesOf('two-clouds', {
      args: Object.entries(inputs).map(([name, value]) => `${name}=${value}`),
      env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    });
    const server = /^one: server-0 at (\S+): Linux$/.exec(lines[0] ?? '')?.[1];
    expect(lines).toEqual([
      expect.stringMatching(/^one: server-0 at \S+: Linux$/),
      expect.stringMatching(/^other: client-0 at \S+: Linux, server=\S+$/),
    ]);
    expect(lines[1]).toContain(`server=${server}`);
    const results = readdirSync(join(project.path, 'two-clouds')).filter((name) =>
      name.startsWith('result.txt'),
    );
    expect(results.toSorted()).toEqual(['result.txt.client-0', 'result.txt.server-0']);
    expect(alive()).toEqual([]);
  });
});
