import type { Cancel } from '../provider.ts';
import type { Ec2Api } from './api.ts';
import { Ec2Error } from './api.ts';
import { ifTold } from './if-told.ts';

/** In which VPC machines come to be; asked once. */
export interface Networks {
  /** The VPC of a subnet; null: the default one. Answers null where the cloud has no default VPC, or knows no VPCs. */
  vpcOf(subnetId: string | null, cancel: Cancel): Promise<string | null>;
}

export function createNetworks(api: Pick<Ec2Api, 'describeSubnets' | 'describeVpcs'>): Networks {
  const known = new Map<string | null, string | null>();

  return {
    async vpcOf(subnetId, cancel) {
      const answer = known.get(subnetId);
      if (answer !== undefined) return answer;
      const vpc =
        subnetId === null ? await defaultVpc(api, cancel) : await vpcOfSubnet(api, subnetId, cancel);
      known.set(subnetId, vpc);
      return vpc;
    },
  };
}

async function vpcOfSubnet(
  api: Pick<Ec2Api, 'describeSubnets'>,
  id: string,
  cancel: Cancel,
): Promise<string> {
  const [subnet] = await api.describeSubnets({ 'subnet-id': [id] }, cancel);
  if (subnet !== undefined) return subnet.vpcId;
  throw new Ec2Error('DescribeSubnets', 'InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`);
}

async function defaultVpc(api: Pick<Ec2Api, 'describeVpcs'>, cancel: Cancel): Promise<string | null> {
  const vpcs = await ifTold(() => api.describeVpcs({}, cancel));
  return vpcs?.find(({ isDefault }) => isDefault)?.id ?? null;
}
