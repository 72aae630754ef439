import { it, onTestFinished } from 'vitest';
import type { Ran, RunOptions } from '../cli/command.ts';
import type { MachineBackend } from '../support/ec2/backend.ts';
import type { Ec2Endpoint, Ec2Options } from '../support/ec2/endpoint.ts';
import { startEc2Endpoint } from '../support/ec2/endpoint.ts';
import type { SshdMachines } from '../support/ec2/machines.ts';
import { createSshdMachines, machinesMissing } from '../support/ec2/machines.ts';
import { killedAt } from './killed-at.ts';
import type { Scenario } from './scenario.ts';
import { openScenario } from './scenario.ts';

/** A scenario whose machines are instances of an EC2 endpoint, each of them a server of its own. */
export interface CloudScenario extends Scenario {
  readonly endpoint: Ec2Endpoint;
  readonly fleet: SshdMachines;
  /** The environment that holds the credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** Ids of instances that are not on their way out, in order of launch. */
  alive(): readonly string[];
  /** Runs a command as a process of its own, killed at its event of this number; false: it ended before. */
  killedAt(event: number, argv: readonly string[]): Promise<boolean>;
}

const missing = machinesMissing();
export const SSH_PORT = 2_222;

/** Plans that it writes have the provider `west`, whose credentials are sensitive inputs, as the default one. */
export async function cloudScenario({
  sudo = true,
  minute = 60,
  behind = (fleet) => fleet,
  ...options
}: Ec2Options & {
  /** Users of machines may do everything as root. */
  readonly sudo?: boolean;
  /** Seconds that the `shutdown` of machines takes for a minute. */
  readonly minute?: number;
  /** What stands behind the instances. */
  readonly behind?: (fleet: SshdMachines) => MachineBackend;
} = {}): Promise<CloudScenario> {
  const fleet = await createSshdMachines({ port: SSH_PORT, sudo, minute });
  const endpoint = await startEc2Endpoint({ backend: behind(fleet), regions: ['us-west-2'], ...options });
  const space = await openScenario();
  const { accessKeyId, secretAccessKey, sessionToken } = endpoint.credentials;
  const env = { EC2_KEY: accessKeyId, EC2_SECRET: secretAccessKey, EC2_TOKEN: sessionToken ?? '' };
  onTestFinished(async () => {
    endpoint.throttle(null);
    await endpoint[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  });
  onTestFinished(async () => {
    const names = (
      JSON.parse((await space.run(['list', '--json'], { env })).stdout) as {
        readonly deployments: readonly { readonly name: string }[];
      }
    ).deployments.map(({ name }) => name);
    if (names.length > 0) await space.run(['down', '--yes', '--skip-teardown', ...names], { env });
    await space[Symbol.asyncDispose]();
  });

  function run(argv: readonly string[], more: Partial<RunOptions> = {}): Promise<Ran> {
    return space.run(argv, { ...more, env: { ...env, ...more.env } });
  }

  return {
    ...space,
    endpoint,
    fleet,
    env,
    run,
    async plan(name, levels) {
      const { debian } = endpoint.fixtures();
      const head = [
        'version: 1',
        `name: ${name}`,
        'inputs:',
        '  key: { env: EC2_KEY, sensitive: true }',
        '  secret: { env: EC2_SECRET, sensitive: true }',
        '  token: { env: EC2_TOKEN, sensitive: true }',
        'providers:',
        '  west:',
        '    type: ec2',
        `    region: ${endpoint.region}`,
        `    endpoint: ${endpoint.url}`,
        '    pollInterval: 100ms',
        '    accessKeyId: "{{inputs.key}}"',
        '    secretAccessKey: "{{inputs.secret}}"',
        '    sessionToken: "{{inputs.token}}"',
        'defaults:',
        '  provider: west',
        `  image: ${debian}`,
        `  ssh: { port: ${SSH_PORT} }`,
      ];
      await space.write(`${name}.yml`, `${head.join('\n')}\n${levels}`);
      return `${name}.yml`;
    },
    alive: () =>
      endpoint
        .instances()
        .filter(({ state }) => state !== 'terminated' && state !== 'shutting-down')
        .map(({ id }) => id),
    killedAt: (event, argv) => killedAt(event, space, argv, env),
  };
}

/** A test that needs machines that are servers; where there can be none, it is skipped and its name says why. */
export function onMachines(name: string, test: () => Promise<void>): void {
  it.skipIf(missing !== undefined)(missing === undefined ? name : `${name}: ${missing}`, test);
}
