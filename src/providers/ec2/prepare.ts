import type { Clock } from '../../clock.ts';
import type { Cancel, LaunchRequest, Tags } from '../provider.ts';
import type { Ec2Api } from './api.ts';
import type { Ec2Config } from './config.ts';
import { ensureMadeKeyPair } from './key-pair.ts';
import { madeName } from './made-names.ts';
import type { MadeThings } from './made-things.ts';
import type { Networks } from './networks.ts';
import { readOptions } from './options.ts';
import type { Account } from './place.ts';
import { configuredPlace, formatPlace } from './place.ts';
import type { MadeGroups } from './security-group.ts';

export interface PrepareParts {
  readonly api: Ec2Api;
  readonly config: Ec2Config;
  readonly account: Account;
  readonly networks: Networks;
  readonly groups: MadeGroups;
  readonly stateDirectory: string;
  readonly clock: Clock;
}

/** Makes the key pair and the groups that these requests do not name. Answers the place where machines come to be. */
export async function prepare(
  { api, config, account, networks, groups, stateDirectory, clock }: PrepareParts,
  tags: Tags,
  requests: readonly LaunchRequest[],
  cancel: Cancel,
): Promise<string> {
  await account.mustOwn(cancel);
  const wanted = requests.flatMap((request) => {
    const read = readOptions(request);
    return read.kind === 'options' ? [{ ...read.options, sshPorts: request.sshPorts ?? [] }] : [];
  });
  if (wanted.some(({ keyName }) => keyName === null))
    await ensureMadeKeyPair({ api, stateDirectory, clock }, tags, cancel);
  const portsOf = new Map<string | null, Set<number>>();
  for (const { securityGroupIds, subnetIds, sshPorts } of wanted) {
    if (securityGroupIds !== null) continue;
    for (const subnetId of subnetIds.length === 0 ? [null] : subnetIds) {
      const vpc = await networks.vpcOf(subnetId, cancel);
      portsOf.set(vpc, new Set([...(portsOf.get(vpc) ?? []), ...sshPorts]));
    }
  }
  for (const [vpc, ports] of portsOf) await groups.ensure(tags, { vpcId: vpc, ports: [...ports] }, cancel);
  return formatPlace({ ...configuredPlace(config), account: await account.number(cancel) });
}

/** For requests to be resolved: what is missing is made. */
export function madeThings({ networks, groups }: Pick<PrepareParts, 'networks' | 'groups'>): MadeThings {
  return {
    keyName: madeName,
    groupOf: async ({ tags, sshPorts: ports = [] }, subnetId, cancel) =>
      groups.ensure(tags, { vpcId: await networks.vpcOf(subnetId, cancel), ports }, cancel),
  };
}
