import type { IngressRule } from './api.ts';

/** What this project says, in the terms of EC2's API. */

interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export function tagList(tags: Readonly<Record<string, string>>): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** The part of a request that tags what it makes; EC2 refuses an empty one. */
export function tagged<T extends string>(
  ResourceType: T,
  tags: Readonly<Record<string, string>>,
): { TagSpecifications?: { ResourceType: T; Tags: Tag[] }[] } {
  const Tags = tagList(tags);
  return Tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType, Tags }] };
}

interface IpPermission {
  readonly IpProtocol: string;
  readonly FromPort?: number;
  readonly ToPort?: number;
  readonly IpRanges?: { readonly CidrIp: string }[];
  readonly Ipv6Ranges?: { readonly CidrIpv6: string }[];
  readonly UserIdGroupPairs?: { readonly GroupId: string }[];
}

export function permissionOf(rule: IngressRule): IpPermission {
  switch (rule.kind) {
    case 'tcp': {
      const ports = { IpProtocol: 'tcp', FromPort: rule.port, ToPort: rule.port };
      return rule.cidr.includes(':')
        ? { ...ports, Ipv6Ranges: [{ CidrIpv6: rule.cidr }] }
        : { ...ports, IpRanges: [{ CidrIp: rule.cidr }] };
    }
    case 'all-from-group':
      return { IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: rule.groupId }] };
    default:
      return rule satisfies never;
  }
}

/** The user data of a launch, as it is sent and as it was written: what no message may show. */
export function userDataOf({ UserData }: { readonly UserData?: string | undefined }): readonly string[] {
  return UserData === undefined ? [] : [UserData, Buffer.from(UserData, 'base64').toString()];
}

/** The token of the next page; undefined after the last one, for which some clouds answer an empty token. */
export function nextToken(answer: object): string | undefined {
  const token = 'NextToken' in answer ? answer.NextToken : undefined;
  return typeof token === 'string' && token !== '' ? token : undefined;
}
