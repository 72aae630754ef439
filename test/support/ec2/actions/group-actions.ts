import { ApiError, invalid } from '../api-error.ts';
import { filterBy } from '../filters.ts';
import { newId } from '../ids.ts';
import { isAlive } from '../instance.ts';
import { pageOf } from '../pages.ts';
import type { Params } from '../params.ts';
import type { Group, Permission, Realm } from '../realm.ts';
import { tagsIn } from '../realm.ts';
import { readTagSpecifications, tagSet } from '../tags.ts';
import type { XmlValue } from '../xml.ts';
import type { Actions } from './action.ts';
import { findGroup, findGroupNamed } from './find.ts';
import { permissionText, permissionsXml, readPermissions } from './permissions.ts';

export const groupActions: Actions = {
  CreateSecurityGroup(realm, params) {
    const name = params.required('GroupName');
    const description = params.required('GroupDescription');
    if (name.length > 255 || name.startsWith('sg-') || !/^[\w .\-:/()#,@[\]+=&;{}!$*]+$/.test(name)) {
      throw invalid(`Value (${name}) for parameter GroupName is invalid. Invalid security group name.`);
    }
    if (description.length > 255 || !/^[\w .\-:/()#,@[\]+=&;{}!$*]+$/.test(description)) {
      throw invalid(
        `Value (${description}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.`,
      );
    }
    const vpc = params.text('VpcId') ?? realm.vpcs[0]?.id ?? '';
    if (!realm.vpcs.some(({ id }) => id === vpc)) {
      throw new ApiError('InvalidVpcID.NotFound', `The vpc ID '${vpc}' does not exist`);
    }
    if ([...realm.groups.values()].some((group) => group.name === name && group.vpc === vpc)) {
      throw new ApiError(
        'InvalidGroup.Duplicate',
        `The security group '${name}' already exists for VPC '${vpc}'`,
      );
    }
    const tags =
      readTagSpecifications(params, ['security-group']).get('security-group') ?? new Map<string, string>();
    const group: Group = {
      id: newId('sg'),
      name,
      description,
      vpc,
      order: realm.nextOrder(),
      ingress: [],
      tags: [{ since: realm.clock.now(), tags }],
    };
    realm.groups.set(group.id, group);
    return { return: true, groupId: group.id, tagSet: tagSet(tags) };
  },

  AuthorizeSecurityGroupIngress(realm, params) {
    const group = readGroup(realm, params);
    const permissions = readPermissions(realm, params);
    const known = new Set(group.ingress.map(permissionText));
    for (const permission of permissions) {
      const text = permissionText(permission);
      if (known.has(text)) {
        throw new ApiError('InvalidPermission.Duplicate', `the specified rule "${text}" already exists`);
      }
      known.add(text);
    }
    if (group.ingress.length + permissions.length > 60) {
      throw new ApiError(
        'RulesPerSecurityGroupLimitExceeded',
        'The maximum number of rules per security group has been reached.',
      );
    }
    group.ingress = [...group.ingress, ...permissions];
    return {
      return: true,
      securityGroupRuleSet: permissions.map((permission) => ruleXml(realm, group, permission)),
    };
  },

  DescribeSecurityGroups(realm, params) {
    const ids = params.list('GroupId');
    const names = params.list('GroupName');
    const chosen =
      ids.length + names.length > 0
        ? [...ids.map((id) => findGroup(realm, id)), ...names.map((name) => findGroupNamed(realm, name))]
        : [...realm.groups.values()];
    const matches = filterBy(
      params,
      {
        description: ({ description }: Group) => [description],
        'group-id': ({ id }) => [id],
        'group-name': ({ name }) => [name],
        'owner-id': () => [realm.account],
        'vpc-id': ({ vpc }) => [vpc],
      },
      (group) => tagsIn(realm, group),
    );
    const ordered = [...new Set(chosen)].filter(matches).sort((one, other) => one.order - other.order);
    const { items, nextToken } = pageOf(params, ordered, {
      orderOf: ({ order }) => order,
      idsName: 'GroupId',
    });
    return { securityGroupInfo: items.map((group) => groupXml(realm, group)), nextToken };
  },

  DeleteSecurityGroup(realm, params) {
    const group = readGroup(realm, params);
    if (group.name === 'default') {
      throw new ApiError(
        'CannotDelete',
        `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
      );
    }
    const now = realm.clock.now();
    const isUsed = [...realm.instances.values()].some(
      (one) => one.spec.groups.includes(group.id) && isAlive(one, now),
    );
    const isNamed = [...realm.groups.values()].some(
      (other) => other !== group && other.ingress.some(({ peer }) => peer.value === group.id),
    );
    if (isUsed || isNamed) {
      throw new ApiError('DependencyViolation', `resource ${group.id} has a dependent object`);
    }
    realm.groups.delete(group.id);
    return { return: true, groupId: group.id };
  },
};

function readGroup(realm: Realm, params: Params): Group {
  const id = params.text('GroupId');
  return id === undefined ? findGroupNamed(realm, params.required('GroupName')) : findGroup(realm, id);
}

function groupXml(realm: Realm, group: Group): XmlValue {
  return {
    ownerId: realm.account,
    groupId: group.id,
    groupName: group.name,
    groupDescription: group.description,
    vpcId: group.vpc,
    ipPermissions: permissionsXml(realm, group.ingress),
    ipPermissionsEgress: permissionsXml(realm, [
      { protocol: '-1', from: null, to: null, peer: { kind: 'cidr', value: '0.0.0.0/0' }, description: null },
    ]),
    tagSet: tagSet(tagsIn(realm, group)),
  };
}

function ruleXml(
  realm: Realm,
  { id }: Group,
  { protocol, from, to, peer, description }: Permission,
): XmlValue {
  return {
    securityGroupRuleId: newId('sgr'),
    groupId: id,
    groupOwnerId: realm.account,
    isEgress: false,
    ipProtocol: protocol,
    fromPort: from ?? -1,
    toPort: to ?? -1,
    cidrIpv4: peer.kind === 'cidr' ? peer.value : null,
    cidrIpv6: peer.kind === 'cidr6' ? peer.value : null,
    referencedGroupInfo: peer.kind === 'group' ? { groupId: peer.value, userId: realm.account } : null,
    description,
  };
}
