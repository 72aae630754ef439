import type { Realm } from '../realm.ts';
import { ApiError } from '../api-error.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Targets of the JSON protocol: Systems Manager and Service Quotas. */
export const jsonActions: Readonly<Record<string, (realm: Realm, fields: Fields) => Fields>> = {
  'AmazonSSM.GetParameter': (realm, fields) => {
    const name = fields['Name'];
    const value = typeof name === 'string' ? realm.parameters.get(name) : undefined;
    if (typeof name !== 'string' || value === undefined) throw new ApiError('ParameterNotFound', '');
    return {
      Parameter: {
        Name: name,
        Type: 'String',
        Value: value,
        Version: 1,
        LastModifiedDate: 1_754_400_000,
        ARN: `arn:aws:ssm:${realm.region}::parameter${name}`,
        DataType: 'aws:ec2:image',
      },
    };
  },

  'ServiceQuotasV20190624.GetServiceQuota': (realm, fields) => {
    const quota = quotasOf(realm).find(({ QuotaCode }) => QuotaCode === fields['QuotaCode']);
    if (fields['ServiceCode'] !== 'ec2' || quota === undefined) {
      throw new ApiError(
        'NoSuchResourceException',
        'The request failed because the specified quota does not exist.',
      );
    }
    return { Quota: quota };
  },

  'ServiceQuotasV20190624.ListServiceQuotas': (realm, fields) => {
    if (fields['ServiceCode'] !== 'ec2') {
      throw new ApiError(
        'NoSuchResourceException',
        'The request failed because the specified service does not exist.',
      );
    }
    const all = quotasOf(realm);
    const start = Number(fields['NextToken'] ?? 0);
    const size = Number(fields['MaxResults'] ?? 100);
    const end = start + size;
    return { Quotas: all.slice(start, end), ...(end < all.length ? { NextToken: String(end) } : {}) };
  },
};

function quotasOf({ account, region, quotas }: Realm): readonly (Fields & { readonly QuotaCode: string })[] {
  const quota = (code: string, name: string, value: number): Fields & { readonly QuotaCode: string } => ({
    ServiceCode: 'ec2',
    ServiceName: 'Amazon Elastic Compute Cloud (Amazon EC2)',
    QuotaArn: `arn:aws:servicequotas:${region}:${account}:ec2/${code}`,
    QuotaCode: code,
    QuotaName: name,
    Value: value,
    Unit: 'None',
    Adjustable: true,
    GlobalQuota: false,
  });
  return [
    quota('L-1216C47A', 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances', quotas.onDemand),
    quota('L-34B43A08', 'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests', quotas.spot),
    quota('L-0263D0A3', 'EC2-VPC Elastic IPs', 5),
  ];
}
