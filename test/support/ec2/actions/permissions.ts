import { isIPv4, isIPv6 } from 'node:net';
import { invalid, missing } from '../api-error.ts';
import type { Params } from '../params.ts';
import type { Permission, Realm } from '../realm.ts';
import type { XmlValue } from '../xml.ts';
import { findGroup } from './find.ts';

const PROTOCOLS: Readonly<Record<string, string>> = { '6': 'tcp', '17': 'udp', '1': 'icmp' };

/** One for each range or group that a call names, in IpPermissions or at its top. */
export function readPermissions(realm: Realm, params: Params): readonly Permission[] {
  const structures = params.structures('IpPermissions');
  const permissions =
    structures.length > 0 ? structures.flatMap((one) => readPermission(realm, one)) : readTop(params);
  if (permissions.length === 0) throw missing('ipPermissions');
  return permissions;
}

function readTop(params: Params): readonly Permission[] {
  const cidr = params.text('CidrIp');
  if (cidr === undefined) return [];
  return [
    { ...readPorts(params), peer: { kind: 'cidr', value: checkCidr(cidr, isIPv4, 32) }, description: null },
  ];
}

function readPermission(realm: Realm, params: Params): readonly Permission[] {
  const ports = readPorts(params);
  const described = (one: Params): Pick<Permission, 'description'> => ({
    description: one.text('Description') ?? null,
  });
  return [
    ...params.structures('IpRanges').map((range): Permission => ({
      ...ports,
      peer: { kind: 'cidr', value: checkCidr(range.required('CidrIp'), isIPv4, 32) },
      ...described(range),
    })),
    ...params.structures('Ipv6Ranges').map((range): Permission => ({
      ...ports,
      peer: { kind: 'cidr6', value: checkCidr(range.required('CidrIpv6'), isIPv6, 128) },
      ...described(range),
    })),
    ...params.structures('Groups').map((group): Permission => ({
      ...ports,
      peer: { kind: 'group', value: findGroup(realm, group.required('GroupId')).id },
      ...described(group),
    })),
  ];
}

function readPorts(params: Params): Pick<Permission, 'protocol' | 'from' | 'to'> {
  const named = params.required('IpProtocol');
  const protocol = PROTOCOLS[named] ?? named;
  if (protocol === '-1') return { protocol, from: null, to: null };
  if (!['tcp', 'udp', 'icmp', 'icmpv6'].includes(protocol)) {
    throw invalid(`Invalid value '${protocol}' for IP protocol. Unknown protocol.`);
  }
  const from = params.integer('FromPort');
  const to = params.integer('ToPort');
  if (from === undefined || to === undefined)
    throw invalid('Invalid value for portRange. Must specify both from and to ports with TCP/UDP.');
  if (from > to || from < -1 || to > 65_535) throw invalid(`Invalid TCP/UDP port range (${from}:${to})`);
  return { protocol, from, to };
}

function checkCidr(cidr: string, isAddress: (text: string) => boolean, longest: number): string {
  const [address = '', length, ...rest] = cidr.split('/');
  const isGood =
    isAddress(address) &&
    length !== undefined &&
    /^\d+$/.test(length) &&
    Number(length) <= longest &&
    rest.length === 0;
  if (!isGood) throw invalid(`CIDR block ${cidr} is malformed`);
  return cidr;
}

/** As AWS names a rule in errors. */
export function permissionText({ protocol, from, to, peer }: Permission): string {
  const ports =
    from === null ? 'ALL' : `${protocol.toUpperCase()}, from port: ${from}, to port: ${to ?? from}`;
  return `peer: ${peer.value}, ${ports}, ALLOW`;
}

/** An element for each protocol and range of ports, with all of its peers. */
export function permissionsXml(realm: Realm, permissions: readonly Permission[]): XmlValue {
  const sets = new Map<string, Permission[]>();
  for (const permission of permissions) {
    const { protocol, from, to } = permission;
    const key = `${protocol} ${from ?? ''} ${to ?? ''}`;
    sets.set(key, [...(sets.get(key) ?? []), permission]);
  }
  return [...sets.values()].map((set) => {
    const peers = (kind: Permission['peer']['kind']): readonly Permission[] =>
      set.filter(({ peer }) => peer.kind === kind);
    return {
      ipProtocol: set[0]?.protocol,
      fromPort: set[0]?.from,
      toPort: set[0]?.to,
      groups: peers('group').map(({ peer, description }) => ({
        userId: realm.account,
        groupId: peer.value,
        description,
      })),
      ipRanges: peers('cidr').map(({ peer, description }) => ({ cidrIp: peer.value, description })),
      ipv6Ranges: peers('cidr6').map(({ peer, description }) => ({ cidrIpv6: peer.value, description })),
      prefixListIds: [],
    };
  });
}
