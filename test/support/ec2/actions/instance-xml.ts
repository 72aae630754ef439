import type { Instance, StateName } from '../instance.ts';
import { momentOf, STATE_CODES, transitionReason } from '../instance.ts';
import type { Realm } from '../realm.ts';
import { tagsIn } from '../realm.ts';
import { tagSet } from '../tags.ts';
import type { XmlValue } from '../xml.ts';

export function stateXml(state: StateName): XmlValue {
  return { code: STATE_CODES[state], name: state };
}

/** Addresses that an instance has in a state: the private one until its end, the public one while it runs. */
export function addressesOf(
  { address, spec }: Instance,
  state: StateName,
): { readonly privateAddress: string | null; readonly publicAddress: string | null } {
  const isOver = state === 'shutting-down' || state === 'terminated';
  return {
    privateAddress: isOver ? null : address,
    publicAddress: state === 'running' && spec.hasPublicAddress ? address : null,
  };
}

/** An element of `instancesSet`, as it is at a moment (default: now). */
export function describeInstance(
  realm: Realm,
  instance: Instance,
  moment = momentOf(instance, realm.clock.now()),
): XmlValue {
  const { spec } = instance;
  const { image, type } = spec;
  const { privateAddress, publicAddress } = addressesOf(instance, moment.state);
  const isOver = privateAddress === null;
  const launchTime = new Date(instance.launchedAt).toISOString();
  const groupSet = spec.groups.map((id) => ({ groupId: id, groupName: realm.groups.get(id)?.name }));
  const dnsName =
    publicAddress === null ? '' : `ec2-${publicAddress.replaceAll('.', '-')}.compute.amazonaws.com`;
  return {
    instanceId: instance.id,
    imageId: image.id,
    instanceState: stateXml(moment.state),
    privateDnsName: isOver ? '' : `ip-${instance.address.replaceAll('.', '-')}.ec2.internal`,
    dnsName,
    reason: transitionReason(moment),
    keyName: spec.keyName,
    amiLaunchIndex: instance.launchIndex,
    productCodes: [],
    instanceType: type.name,
    launchTime,
    placement: {
      availabilityZone: instance.zone,
      groupName: spec.placementGroup ?? '',
      tenancy: spec.tenancy,
    },
    monitoring: { state: 'disabled' },
    subnetId: isOver ? null : instance.subnet,
    vpcId: isOver ? null : instance.vpc,
    privateIpAddress: privateAddress,
    ipAddress: publicAddress,
    sourceDestCheck: true,
    groupSet: isOver ? [] : groupSet,
    stateReason: moment.reason === null ? null : { code: moment.reason.code, message: moment.reason.message },
    architecture: image.architecture,
    rootDeviceType: image.rootDeviceType,
    rootDeviceName: image.rootDevice,
    blockDeviceMapping: isOver ? [] : attachments(instance, moment.state, launchTime),
    virtualizationType: 'hvm',
    instanceLifecycle: spec.isSpot ? 'spot' : null,
    clientToken: instance.token ?? '',
    tagSet: tagSet(tagsIn(realm, instance)),
    hypervisor: 'xen',
    networkInterfaceSet: isOver
      ? []
      : [
          {
            networkInterfaceId: instance.interface,
            subnetId: instance.subnet,
            vpcId: instance.vpc,
            ownerId: realm.account,
            status: 'in-use',
            privateIpAddress: privateAddress,
            groupSet,
            association: publicAddress === null ? null : { publicIp: publicAddress, ipOwnerId: 'amazon' },
          },
        ],
    iamInstanceProfile:
      spec.profile === null
        ? null
        : { arn: `arn:aws:iam::${realm.account}:instance-profile/${spec.profile}`, id: 'AIPAEXAMPLE' },
    metadataOptions: { state: 'applied', httpTokens: spec.httpTokens, httpEndpoint: 'enabled' },
  };
}

function attachments({ spec, volumes }: Instance, state: StateName, attachTime: string): XmlValue {
  if (state === 'pending') return [];
  return spec.volumes.map(({ device, deleteOnTermination }, index) => ({
    deviceName: device,
    ebs: { volumeId: volumes[index], status: 'attached', attachTime, deleteOnTermination },
  }));
}
