import { UsageError } from '../../errors.ts';
import type { Cancel } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Ec2Api } from './api.ts';
import type { Ec2Config } from './config.ts';
import { ifTold } from './if-told.ts';

/** Where a deployment's machines are: `us-west-2, account 123456789012`, `RegionOne at cloud:8773, account …`. */
export interface Place {
  readonly region: string;
  /** Of an EC2-compatible cloud; null: AWS. */
  readonly host: string | null;
  /** Null: the cloud did not tell. */
  readonly account: string | null;
}

export function formatPlace({ region, host, account }: Place): string {
  return `${region}${host === null ? '' : ` at ${host}`}${account === null ? '' : `, account ${account}`}`;
}

export function parsePlace(text: string): Place {
  const [where = '', account = null] = text.split(', account ');
  const [region = '', host = null] = where.split(' at ');
  return { region, host, account };
}

export function configuredPlace({ region, endpoint }: Ec2Config): Omit<Place, 'account'> {
  return { region, host: endpoint === null ? null : new URL(endpoint).host };
}

/** Throws `UsageError` when the machines of a deployment are in another region, or another cloud. */
export function refuseOtherPlace(config: Ec2Config, recorded: string | null): void {
  if (recorded === null) return;
  const { region, host } = parsePlace(recorded);
  const here = configuredPlace(config);
  if (region === here.region && host === here.host) return;
  throw new UsageError(
    `Cannot use provider "${config.name}": its machines are in "${recorded}", the plan says "${formatPlace({ ...here, account: null })}"`,
    'Bring the machines down with the old region and endpoint first, or declare another provider under a new name.',
  );
}

/** The account whose credentials are used. */
export interface Account {
  /** Its number, asked for once; null: the cloud does not tell. */
  number(cancel: Cancel): Promise<string | null>;
  /**
   * To be asked before something counts as gone because EC2 does not know it: another account's machines are unknown
   * too. Rejects with `ProviderError` when the deployment's machines belong to another account.
   */
  mustOwn(cancel: Cancel): Promise<void>;
}

export function createAccount(api: Ec2Api, config: Ec2Config, recorded: string | null): Account {
  const owner = recorded === null ? null : parsePlace(recorded).account;
  let known: string | null = null;

  async function number(cancel: Cancel): Promise<string | null> {
    known ??= await accountOf(api, cancel);
    return known;
  }

  return {
    number,
    async mustOwn(cancel) {
      if (owner === null) return;
      const own = await number(cancel);
      if (own === owner) return;
      const whose = own === null ? 'of one that it does not tell' : `of account ${own}`;
      throw new ProviderError(
        `Cannot look after the machines of provider "${config.name}": they belong to account ${owner}, the credentials are ${whose}.\n` +
          `Use credentials of account ${owner}.`,
        { isFinal: true },
      );
    },
  };
}

/** VPCs of others that are shared are listed too, but never a default one; every VPC has a group "default". */
async function accountOf(api: Ec2Api, cancel: Cancel): Promise<string | null> {
  const questions: readonly (() => Promise<readonly { readonly account: string }[]>)[] = [
    () => api.describeVpcs({ 'is-default': ['true'] }, cancel),
    () => api.describeSecurityGroups({ 'group-name': ['default'] }, cancel),
  ];
  for (const question of questions) {
    const account = (await ifTold(question))?.find((found) => found.account !== '')?.account;
    if (account !== undefined) return account;
  }
  return null;
}
