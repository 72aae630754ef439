import { existsSync } from 'node:fs';

import type { Access, Addresses } from '../../machine.ts';
import type { Cancel, InstanceState, Observation } from '../provider.ts';
import { unknownMachine } from '../provider.ts';
import { stateKeyPath } from '../state-key.ts';
import type { Ec2Api, Ec2Instance, Ec2State } from './api.ts';
import { askForEach } from './each-id.ts';
import { NO_SUCH_INSTANCE } from './errors.ts';
import { madeName, usualKeyPaths } from './made-names.ts';
import type { Account } from './place.ts';
import { USER_TAG } from './tags.ts';

/** EC2's limit for one call. */
export const IDS_PER_CALL = 1_000;

const LOGIN_USER = 'ec2-user';
const STATES: Readonly<Record<Ec2State, InstanceState>> = {
  pending: 'pending',
  running: 'running',
  stopping: 'stopping',
  stopped: 'stopped',
  'shutting-down': 'terminating',
  terminated: 'terminated',
};

/** An entry for every id. */
export async function describeAll(
  { api, account, stateDirectory }: { api: Ec2Api; account: Account; stateDirectory: string },
  ids: readonly string[],
  cancel: Cancel,
): Promise<ReadonlyMap<string, Observation>> {
  const found = await instancesOf(api, ids, cancel);
  const missing = ids.filter((id) => !found.has(id));
  if (missing.length > 0) await account.mustOwn(cancel);
  return new Map(
    ids.map((id) => {
      const instance = found.get(id);
      return [id, instance === undefined ? unknownMachine(id) : observationOf(instance, stateDirectory)];
    }),
  );
}

/** Those of these that EC2 knows. */
export async function instancesOf(
  api: Ec2Api,
  ids: readonly string[],
  cancel: Cancel,
): Promise<ReadonlyMap<string, Ec2Instance>> {
  const { answers } = await askForEach(
    ids,
    IDS_PER_CALL,
    (call) => api.describeInstances(call, cancel),
    ({ code }) => (NO_SUCH_INSTANCE.has(code) ? 'missing' : undefined),
    cancel,
  );
  return new Map(answers.flatMap(({ answer }) => answer).map((instance) => [instance.id, instance]));
}

/** Where no address is known yet, a running instance is of no use: it counts as pending. */
export function observationOf(instance: Ec2Instance, stateDirectory: string): Observation {
  const { id, reason, clientToken, launchIndex, tags } = instance;
  const addresses = instance.state === 'running' ? addressesOf(instance) : null;
  const state = instance.state === 'running' && addresses === null ? 'pending' : STATES[instance.state];
  const access: Access | null = addresses && {
    kind: 'ssh',
    host: addresses.address,
    port: 22,
    user: tags[USER_TAG] ?? LOGIN_USER,
    privateKey: privateKeyOf(instance, stateDirectory),
    hostKey: null,
  };
  const token = clientToken ?? tags['plan:batch'] ?? null;
  const batch = token === null || token === '' ? null : { token, index: launchIndex };
  return { id, state, reason, addresses, access, batch };
}

function addressesOf({ privateIp, publicIp }: Ec2Instance): Addresses | null {
  const address = publicIp ?? privateIp;
  if (address === null) return null;
  // Siblings reach the private address directly and without cost; its DNS name resolves only where a VPC says so, and
  // security groups that admit one another do so for private addresses only.
  return { hostname: privateIp ?? address, address, privateIp, publicIp };
}

function privateKeyOf({ keyName, tags }: Ec2Instance, stateDirectory: string): string {
  const { 'plan:deployment': deployment, 'plan:uuid': uuid } = tags;
  const isMade = deployment !== undefined && uuid !== undefined && keyName === madeName({ deployment, uuid });
  if (isMade) return stateKeyPath(stateDirectory, uuid);
  const [likeliest = '', ...others] = usualKeyPaths(keyName);
  return [likeliest, ...others].find((path) => existsSync(path)) ?? likeliest;
}
