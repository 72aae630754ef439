import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ran, RunOptions } from '../cli/command.ts';
import type { Account } from '../support/ec2/signature.ts';
import type { Ec2Endpoint, Ec2Options } from '../support/ec2/endpoint.ts';
import { startEc2Endpoint } from '../support/ec2/endpoint.ts';
import type { CloudScenario } from './cloud-scenario.ts';
import { SSH_PORT } from './cloud-scenario.ts';
import type { Scenario } from './scenario.ts';
import { openScenario } from './scenario.ts';

/** An EC2 whose instances nobody can reach, for launches that do not come to that. */
export interface EmptyCloud
  extends Pick<Scenario, 'path' | 'stateDirectory' | 'write' | 'run'>, AsyncDisposable {
  readonly endpoint: Ec2Endpoint;
}

export async function openEmptyCloud(options: Ec2Options = {}): Promise<EmptyCloud> {
  const endpoint = await startEc2Endpoint({ regions: ['us-west-2'], ...options });
  const space = await openScenario();
  const env = credentialsEnv(endpoint);
  const run = (argv: readonly string[], more: Partial<RunOptions> = {}): Promise<Ran> =>
    space.run(argv, { ...more, env: { ...env, ...more.env } });
  return {
    ...space,
    endpoint,
    run,
    async [Symbol.asyncDispose]() {
      await space[Symbol.asyncDispose]();
      await endpoint[Symbol.asyncDispose]();
    },
  };
}

/** Takes down what is recorded, and answers what is left at EC2 then. */
export async function takeAllDown({ endpoint, run }: EmptyCloud): Promise<readonly unknown[]> {
  const { deployments } = JSON.parse((await run(['list', '--json'])).stdout) as {
    readonly deployments: readonly { readonly name: string }[];
  };
  await run(['down', '--yes', ...deployments.map(({ name }) => name)]);
  const alive = endpoint.instances().filter(({ state }) => state !== 'terminated');
  return [...alive, ...endpoint.keyPairs(), ...endpoint.securityGroups(), ...endpoint.volumes()];
}

function credentialsEnv({ credentials }: Ec2Endpoint): Readonly<Record<string, string>> {
  const { accessKeyId, secretAccessKey, sessionToken = '' } = credentials;
  return { EC2_KEY: accessKeyId, EC2_SECRET: secretAccessKey, EC2_TOKEN: sessionToken };
}

/** Keys of the provider `west`; null leaves one out. */
export type ProviderKeys = Readonly<Record<string, string | null>>;

/** Writes `NAME.yml` with a provider `west` that differs in these keys from the one of `CloudScenario.plan`. */
export async function writePlan(
  { endpoint, write }: Pick<CloudScenario, 'endpoint' | 'write'>,
  name: string,
  levels: string,
  { provider = {}, image = endpoint.fixtures().debian }: { provider?: ProviderKeys; image?: string } = {},
): Promise<string> {
  const keys: ProviderKeys = {
    region: endpoint.region,
    endpoint: endpoint.url,
    pollInterval: '50ms',
    accessKeyId: '{{inputs.key}}',
    secretAccessKey: '{{inputs.secret}}',
    sessionToken: '{{inputs.token}}',
    ...provider,
  };
  const inputs = Object.entries({ key: 'EC2_KEY', secret: 'EC2_SECRET', token: 'EC2_TOKEN' }).filter(
    ([input]) => Object.values(keys).includes(`{{inputs.${input}}}`),
  );
  const head = [
    'version: 1',
    `name: ${name}`,
    ...(inputs.length === 0 ? [] : ['inputs:']),
    ...inputs.map(([input, env]) => `  ${input}: { env: ${env}, sensitive: true }`),
    'providers:',
    '  west:',
    '    type: ec2',
    ...Object.entries(keys).flatMap(([key, value]) =>
      value === null ? [] : [`    ${key}: ${JSON.stringify(value)}`],
    ),
    'defaults:',
    '  provider: west',
    `  image: ${image}`,
    `  ssh: { port: ${SSH_PORT} }`,
  ];
  await write(`${name}.yml`, `${head.join('\n')}\n${levels}`);
  return `${name}.yml`;
}

/** An account with a session token, and a secret that has characters which encodings change. */
export function sessionAccount(): Account & { readonly sessionToken: string } {
  return {
    id: '123456789012',
    accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: `${randomBytes(18).toString('hex')}/+${randomBytes(2).toString('hex')}`,
    sessionToken: `IQoJ${randomBytes(60).toString('base64')}`,
  };
}

/** Where any of these texts is told: `stdout`, `stderr`, or a file below the state directory; in base64 too. */
export async function leaksOf(
  { stateDirectory }: Pick<CloudScenario, 'stateDirectory'>,
  ran: readonly Ran[],
  secrets: readonly string[],
): Promise<readonly string[]> {
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret)
      .toString('base64')
      .replace(/.{0,2}=*$/, ''),
  ]);
  const tells = (text: Buffer | string): boolean => forms.some((form) => text.includes(form));
  const found = ran.flatMap(({ stdout, stderr }) => [
    ...(tells(stdout) ? ['stdout'] : []),
    ...(tells(stderr) ? ['stderr'] : []),
  ]);
  if (!existsSync(stateDirectory)) return found;
  const entries = await readdir(stateDirectory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if (tells(await readFile(path))) found.push(path);
  }
  return found;
}
