import { createRequire } from 'node:module';

import type * as Sdk from '@aws-sdk/client-ec2';
import type {
  $Command,
  EC2ClientResolvedConfig,
  RunInstancesCommandInput,
  ServiceInputTypes,
  ServiceOutputTypes,
} from '@aws-sdk/client-ec2';
import type { Clock } from '../../clock.ts';
import { systemClock } from '../../clock.ts';
import type { Cancel } from '../provider.ts';
import type { Ec2Api, Ec2Instance, IngressRule, RunInput } from './api.ts';
import { Ec2Error } from './api.ts';
import type { Sending } from './asking.ts';
import { createAsking } from './asking.ts';
import { createCalls } from './calls.ts';
import { clientSettings, makeSilently } from './client-settings.ts';
import type { Ec2Config } from './config.ts';
import { admitEach } from './admit-each.ts';
import * as answers from './ec2-answers.ts';
import { onFirstUse } from './on-first-use.ts';
import { permissionOf, tagged, tagList, userDataOf } from './ec2-terms.ts';

// An `import` of these two megabytes of CommonJS parses them twice more, which takes longer than all the rest.
const {
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
  ModifyInstanceAttributeCommand,
  RebootInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} = createRequire(import.meta.url)('@aws-sdk/client-ec2') as typeof Sdk;

/** Most results of a page, as far as EC2 allows. */
const PAGE = { MaxResults: 1_000 };
const TYPES_PAGE = { MaxResults: 100 };
const VOLUMES_PAGE = { MaxResults: 500 };

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

  const { ask, lister, teller } = createAsking(calls);
  const send =
    <I extends ServiceInputTypes, O extends ServiceOutputTypes>(
      command: $Command<I, O, EC2ClientResolvedConfig, ServiceInputTypes, ServiceOutputTypes>,
    ): Sending<O> =>
    (to) =>
      client.send(command, to);

  async function run(input: RunInput, cancel: Cancel): Promise<readonly Ec2Instance[]> {
    // As stored: plain JSON in the SDK's own terms.
    const command = input as unknown as RunInstancesCommandInput;
    const secrets = userDataOf(command);
    const answer = await ask('RunInstances', () => send(new RunInstancesCommand(command)), {
      ...cancel,
      secrets,
    });
    return answers.instancesOf(answer);
  }

  const onInstances = (
    action: string,
    make: (ids: { InstanceIds: string[] }) => Sending<object>,
  ): Ec2Api['stopInstances'] => teller(action, (ids: readonly string[]) => make({ InstanceIds: [...ids] }));
  const typesNamed = lister(
    'DescribeInstanceTypes',
    (page) => send(new DescribeInstanceTypesCommand({ ...page, ...TYPES_PAGE })),
    ({ InstanceTypes }) => InstanceTypes?.map(answers.instanceTypeOf),
  );
  const offeringsOf = lister(
    'DescribeInstanceTypeOfferings',
    (page) =>
      send(new DescribeInstanceTypeOfferingsCommand({ ...page, ...PAGE, LocationType: 'availability-zone' })),
    ({ InstanceTypeOfferings }) => InstanceTypeOfferings,
  );
  const authorize = teller(
    'AuthorizeSecurityGroupIngress',
    (GroupId: string, rules: readonly IngressRule[]) =>
      send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: rules.map(permissionOf) })),
  );

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
      const list = lister(
        'DescribeInstances',
        ({ NextToken }) => send(new DescribeInstancesCommand({ InstanceIds: [...ids], NextToken })),
        ({ Reservations }) => Reservations?.flatMap(answers.instancesOf),
      );
      return list({}, cancel);
    },
    findInstances: lister(
      'DescribeInstances',
      (page) => send(new DescribeInstancesCommand({ ...page, ...PAGE })),
      ({ Reservations }) => Reservations?.flatMap(answers.instancesOf),
    ),
    terminateInstances: onInstances('TerminateInstances', (ids) => send(new TerminateInstancesCommand(ids))),
    stopInstances: onInstances('StopInstances', (ids) => send(new StopInstancesCommand(ids))),
    startInstances: onInstances('StartInstances', (ids) => send(new StartInstancesCommand(ids))),
    rebootInstances: onInstances('RebootInstances', (ids) => send(new RebootInstancesCommand(ids))),
    setShutdownBehavior: teller(
      'ModifyInstanceAttribute',
      (InstanceId: string, Value: 'stop' | 'terminate') =>
        send(
          new ModifyInstanceAttributeCommand({ InstanceId, InstanceInitiatedShutdownBehavior: { Value } }),
        ),
    ),
    createTags: teller('CreateTags', (ids: readonly string[], tags: Readonly<Record<string, string>>) =>
      send(new CreateTagsCommand({ Resources: [...ids], Tags: tagList(tags) })),
    ),
    deleteTags: teller('DeleteTags', (ids: readonly string[], keys: readonly string[]) =>
      send(new DeleteTagsCommand({ Resources: [...ids], Tags: keys.map((Key) => ({ Key })) })),
    ),
    async describeImages(wanted, cancel) {
      if (wanted.kind === 'ids' && wanted.ids.length === 0) return [];
      const list = lister(
        'DescribeImages',
        ({ Filters, NextToken }) =>
          wanted.kind === 'ids'
            ? send(new DescribeImagesCommand({ ImageIds: [...wanted.ids], NextToken }))
            : send(new DescribeImagesCommand({ Owners: [wanted.owner], Filters, NextToken, ...PAGE })),
        ({ Images }) => Images?.map(answers.imageOf),
      );
      const filters = wanted.kind === 'ids' ? {} : { name: [wanted.name], state: ['available'] };
      return [...(await list(filters, cancel))].sort((one, other) => other.createdAt - one.createdAt);
    },
    describeSubnets: lister(
      'DescribeSubnets',
      (page) => send(new DescribeSubnetsCommand({ ...page, ...PAGE })),
      ({ Subnets }) => Subnets?.map(answers.subnetOf),
    ),
    describeVpcs: lister(
      'DescribeVpcs',
      (page) => send(new DescribeVpcsCommand({ ...page, ...PAGE })),
      ({ Vpcs }) => Vpcs?.map(answers.vpcOf),
    ),
    describeSecurityGroups: lister(
      'DescribeSecurityGroups',
      (page) => send(new DescribeSecurityGroupsCommand({ ...page, ...PAGE })),
      ({ SecurityGroups }) => SecurityGroups?.map(answers.securityGroupOf),
    ),
    async createSecurityGroup({ name, description, vpcId, tags }, cancel) {
      const group = {
        GroupName: name,
        Description: description,
        ...(vpcId === null ? {} : { VpcId: vpcId }),
        ...tagged('security-group', tags),
      };
      const answer = await ask(
        'CreateSecurityGroup',
        () => send(new CreateSecurityGroupCommand(group)),
        cancel,
      );
      return answer.GroupId ?? '';
    },
    authorizeIngress: (groupId, rules, cancel) =>
      admitEach(rules, (some) => authorize(groupId, some, cancel)),
    deleteSecurityGroup: teller('DeleteSecurityGroup', (GroupId: string) =>
      send(new DeleteSecurityGroupCommand({ GroupId })),
    ),
    describeKeyPairs: lister(
      'DescribeKeyPairs',
      ({ Filters }) => send(new DescribeKeyPairsCommand({ Filters })),
      ({ KeyPairs }) => KeyPairs?.map(answers.keyPairOf),
    ),
    importKeyPair: teller(
      'ImportKeyPair',
      ({ name, publicKey, tags }: Parameters<Ec2Api['importKeyPair']>[0]) =>
        send(
          new ImportKeyPairCommand({
            KeyName: name,
            PublicKeyMaterial: Buffer.from(publicKey),
            ...tagged('key-pair', tags),
          }),
        ),
    ),
    deleteKeyPair: teller('DeleteKeyPair', (KeyName: string) => send(new DeleteKeyPairCommand({ KeyName }))),
    describeVolumes: lister(
      'DescribeVolumes',
      (page) => send(new DescribeVolumesCommand({ ...page, ...VOLUMES_PAGE })),
      ({ Volumes }) => Volumes?.map(answers.volumeOf),
    ),
    deleteVolume: teller('DeleteVolume', (VolumeId: string) => send(new DeleteVolumeCommand({ VolumeId }))),
    describeInstanceTypes: (names, cancel) => typesNamed({ 'instance-type': names }, cancel),
    zonesOfTypes: async (names, cancel) =>
      answers.zonesByType(await offeringsOf({ 'instance-type': names }, cancel)),
    describePlacementGroups: lister(
      'DescribePlacementGroups',
      ({ Filters }) => send(new DescribePlacementGroupsCommand({ Filters })),
      ({ PlacementGroups }) => PlacementGroups?.map(({ GroupName = '' }) => ({ name: GroupName })),
    ),
    parameter: async (name, cancel) => (await ssm()).parameter(name, cancel),
    quotas: async (cancel) => (await quotas()).quotas(cancel),
    close() {
      for (const close of closers) close();
    },
  });
}
