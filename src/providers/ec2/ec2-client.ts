import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteKeyPairCommand,
  DeleteSecurityGroupCommand,
  DeleteTagsCommand,
  DeleteVolumeCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeKeyPairsCommand,
  DescribePlacementGroupsCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  DescribeVpcsCommand,
  EC2Client,
  ImportKeyPairCommand,
  RebootInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { Filter, RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import type { Clock } from '../../clock.ts';
import { systemClock } from '../../clock.ts';
import type { Cancel } from '../provider.ts';
import type { Ec2Api, Ec2Instance, Filters, IngressRule, RunInput } from './api.ts';
import { Ec2Error } from './api.ts';
import { createCalls } from './calls.ts';
import { clientSettings, makeSilently } from './client-settings.ts';
import type { Ec2Config } from './config.ts';
import * as answers from './ec2-answers.ts';
import { filterLists } from './filters.ts';
import { onFirstUse } from './on-first-use.ts';
import { permissionOf, tagged, tagList, userDataOf } from './ec2-terms.ts';

interface SendOptions {
  readonly abortSignal: AbortSignal;
}

/** One page of a filtered list. */
interface PageRequest {
  readonly Filters: Filter[];
  readonly NextToken: string | undefined;
}

/** Most results of a page, as far as EC2 allows. */
const PAGE = 1_000;
const TYPES_PAGE = 100;
const VOLUMES_PAGE = 500;

/** Opens EC2's API with the SDK. Makes no call: wrong credentials or a wrong region show in the first one. */
export function openEc2Api(
  config: Ec2Config,
  options: { readonly clock?: Clock; readonly random?: () => number } = {},
): Promise<Ec2Api> {
  const { clock = systemClock, random = Math.random } = options;
  const settings = clientSettings(config);
  const calls = createCalls(config, { clock, random });
  const client = makeSilently(() => new EC2Client(settings));
  const closers = [() => client.destroy()];
  const ssm = onFirstUse(async () => (await import('./ssm-client.ts')).openSsm(settings, calls), closers);
  const quotas = onFirstUse(
    async () => (await import('./quotas-client.ts')).openQuotas(settings, calls),
    closers,
  );

  function ask<A>(
    action: string,
    send: (to: SendOptions) => Promise<A>,
    { signal, secrets = [] }: Cancel & { readonly secrets?: readonly string[] },
  ): Promise<A> {
    return calls.make({ service: 'EC2', action, send, secrets }, { signal });
  }

  /** All pages of all the lists that the filters take. */
  async function find<A extends object, T>(
    action: string,
    filters: Filters,
    send: (page: PageRequest, to: SendOptions) => Promise<A>,
    itemsOf: (answer: A) => readonly T[] | undefined,
    cancel: Cancel,
  ): Promise<readonly T[]> {
    const pages: (readonly T[])[] = [];
    for (const Filters of filterLists(filters)) {
      let NextToken: string | undefined;
      do {
        const page = { Filters, NextToken };
        const answer = await ask(action, (to) => send(page, to), cancel);
        pages.push(itemsOf(answer) ?? []);
        const { NextToken: next }: { readonly NextToken?: string } = answer;
        NextToken = next === '' ? undefined : next;
      } while (NextToken !== undefined);
    }
    return pages.flat();
  }

  async function run(input: RunInput, cancel: Cancel): Promise<readonly Ec2Instance[]> {
    // As stored: plain JSON in the SDK's own terms.
    const command = input as unknown as RunInstancesCommandInput;
    const answer = await ask('RunInstances', (to) => client.send(new RunInstancesCommand(command), to), {
      ...cancel,
      secrets: userDataOf(command),
    });
    return answers.instancesOf(answer);
  }

  return Promise.resolve({
    region: config.region,
    calls: calls.made,
    runInstances: run,
    async dryRunInstances(input, cancel) {
      try {
        await run({ ...input, DryRun: true }, cancel);
        return null;
      } catch (error) {
        if (!(error instanceof Ec2Error)) throw error;
        return error.code === 'DryRunOperation' ? null : error;
      }
    },
    async describeInstances(ids, cancel) {
      if (ids.length === 0) return [];
      const reservations = await find(
        'DescribeInstances',
        {},
        ({ NextToken }, to) =>
          client.send(new DescribeInstancesCommand({ InstanceIds: [...ids], NextToken }), to),
        (answer) => answer.Reservations,
        cancel,
      );
      return reservations.flatMap(answers.instancesOf);
    },
    async findInstances(filters, cancel) {
      const reservations = await find(
        'DescribeInstances',
        filters,
        (page, to) => client.send(new DescribeInstancesCommand({ ...page, MaxResults: PAGE }), to),
        (answer) => answer.Reservations,
        cancel,
      );
      return reservations.flatMap(answers.instancesOf);
    },
    async terminateInstances(ids, cancel) {
      const command = { InstanceIds: [...ids] };
      await ask(
        'TerminateInstances',
        (to) => client.send(new TerminateInstancesCommand(command), to),
        cancel,
      );
    },
    async stopInstances(ids, cancel) {
      const command = { InstanceIds: [...ids] };
      await ask('StopInstances', (to) => client.send(new StopInstancesCommand(command), to), cancel);
    },
    async startInstances(ids, cancel) {
      const command = { InstanceIds: [...ids] };
      await ask('StartInstances', (to) => client.send(new StartInstancesCommand(command), to), cancel);
    },
    async rebootInstances(ids, cancel) {
      const command = { InstanceIds: [...ids] };
      await ask('RebootInstances', (to) => client.send(new RebootInstancesCommand(command), to), cancel);
    },
    async createTags(ids, tags, cancel) {
      const command = { Resources: [...ids], Tags: tagList(tags) };
      await ask('CreateTags', (to) => client.send(new CreateTagsCommand(command), to), cancel);
    },
    async deleteTags(ids, keys, cancel) {
      const command = { Resources: [...ids], Tags: keys.map((Key) => ({ Key })) };
      await ask('DeleteTags', (to) => client.send(new DeleteTagsCommand(command), to), cancel);
    },
    async describeImages(wanted, cancel) {
      const isByIds = wanted.kind === 'ids';
      const scope = isByIds ? { ImageIds: [...wanted.ids] } : { Owners: [wanted.owner], MaxResults: PAGE };
      const images = await find(
        'DescribeImages',
        isByIds ? {} : { name: [wanted.name], state: ['available'] },
        (page, to) => client.send(new DescribeImagesCommand({ ...(isByIds ? {} : page), ...scope }), to),
        (answer) => answer.Images,
        cancel,
      );
      return images.map(answers.imageOf).sort((one, other) => other.createdAt - one.createdAt);
    },
    async describeSubnets(filters, cancel) {
      const subnets = await find(
        'DescribeSubnets',
        filters,
        (page, to) => client.send(new DescribeSubnetsCommand({ ...page, MaxResults: PAGE }), to),
        (answer) => answer.Subnets,
        cancel,
      );
      return subnets.map(answers.subnetOf);
    },
    async describeVpcs(filters, cancel) {
      const vpcs = await find(
        'DescribeVpcs',
        filters,
        (page, to) => client.send(new DescribeVpcsCommand({ ...page, MaxResults: PAGE }), to),
        (answer) => answer.Vpcs,
        cancel,
      );
      return vpcs.map(answers.vpcOf);
    },
    async describeSecurityGroups(filters, cancel) {
      const groups = await find(
        'DescribeSecurityGroups',
        filters,
        (page, to) => client.send(new DescribeSecurityGroupsCommand({ ...page, MaxResults: PAGE }), to),
        (answer) => answer.SecurityGroups,
        cancel,
      );
      return groups.map(answers.securityGroupOf);
    },
    async createSecurityGroup({ name, description, vpcId, tags }, cancel) {
      const command = {
        GroupName: name,
        Description: description,
        ...(vpcId === null ? {} : { VpcId: vpcId }),
        ...tagged('security-group', tags),
      };
      const { GroupId } = await ask(
        'CreateSecurityGroup',
        (to) => client.send(new CreateSecurityGroupCommand(command), to),
        cancel,
      );
      return GroupId ?? '';
    },
    async authorizeIngress(groupId, rules, cancel) {
      const admit = async (admitted: readonly IngressRule[]): Promise<void> => {
        const command = { GroupId: groupId, IpPermissions: admitted.map(permissionOf) };
        try {
          await ask(
            'AuthorizeSecurityGroupIngress',
            (to) => client.send(new AuthorizeSecurityGroupIngressCommand(command), to),
            cancel,
          );
        } catch (error) {
          if (!(error instanceof Ec2Error) || error.code !== 'InvalidPermission.Duplicate') throw error;
          // One rule that is there already makes EC2 refuse the others with it.
          if (admitted.length > 1) for (const rule of admitted) await admit([rule]);
        }
      };
      if (rules.length > 0) await admit(rules);
    },
    async deleteSecurityGroup(groupId, cancel) {
      const command = { GroupId: groupId };
      await ask(
        'DeleteSecurityGroup',
        (to) => client.send(new DeleteSecurityGroupCommand(command), to),
        cancel,
      );
    },
    async describeKeyPairs(filters, cancel) {
      const pairs = await find(
        'DescribeKeyPairs',
        filters,
        ({ Filters }, to) => client.send(new DescribeKeyPairsCommand({ Filters }), to),
        (answer) => answer.KeyPairs,
        cancel,
      );
      return pairs.map(answers.keyPairOf);
    },
    async importKeyPair({ name, publicKey, tags }, cancel) {
      const command = {
        KeyName: name,
        PublicKeyMaterial: Buffer.from(publicKey),
        ...tagged('key-pair', tags),
      };
      await ask('ImportKeyPair', (to) => client.send(new ImportKeyPairCommand(command), to), cancel);
    },
    async deleteKeyPair(name, cancel) {
      const command = { KeyName: name };
      await ask('DeleteKeyPair', (to) => client.send(new DeleteKeyPairCommand(command), to), cancel);
    },
    async describeVolumes(filters, cancel) {
      const volumes = await find(
        'DescribeVolumes',
        filters,
        (page, to) => client.send(new DescribeVolumesCommand({ ...page, MaxResults: VOLUMES_PAGE }), to),
        (answer) => answer.Volumes,
        cancel,
      );
      return volumes.map(answers.volumeOf);
    },
    async deleteVolume(id, cancel) {
      const command = { VolumeId: id };
      await ask('DeleteVolume', (to) => client.send(new DeleteVolumeCommand(command), to), cancel);
    },
    async describeInstanceTypes(names, cancel) {
      const types = await find(
        'DescribeInstanceTypes',
        { 'instance-type': names },
        (page, to) => client.send(new DescribeInstanceTypesCommand({ ...page, MaxResults: TYPES_PAGE }), to),
        (answer) => answer.InstanceTypes,
        cancel,
      );
      return types.map(answers.instanceTypeOf);
    },
    async zonesOfTypes(names, cancel) {
      const offerings = await find(
        'DescribeInstanceTypeOfferings',
        { 'instance-type': names },
        (page, to) =>
          client.send(
            new DescribeInstanceTypeOfferingsCommand({
              ...page,
              LocationType: 'availability-zone',
              MaxResults: PAGE,
            }),
            to,
          ),
        (answer) => answer.InstanceTypeOfferings,
        cancel,
      );
      return answers.zonesByType(offerings);
    },
    async describePlacementGroups(filters, cancel) {
      const groups = await find(
        'DescribePlacementGroups',
        filters,
        ({ Filters }, to) => client.send(new DescribePlacementGroupsCommand({ Filters }), to),
        (answer) => answer.PlacementGroups,
        cancel,
      );
      return groups.map(({ GroupName = '' }) => ({ name: GroupName }));
    },
    parameter: async (name, cancel) => (await ssm()).parameter(name, cancel),
    quotas: async (cancel) => (await quotas()).quotas(cancel),
    close() {
      for (const close of closers) close();
    },
  });
}
