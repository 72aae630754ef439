import { invalid } from '../api-error.ts';
import type { FilterField } from '../filters.ts';
import { filterBy } from '../filters.ts';
import type { Instance } from '../instance.ts';
import { STATE_CODES, stateOf } from '../instance.ts';
import { pageOf } from '../pages.ts';
import type { Realm } from '../realm.ts';
import { isVisible, tagsIn } from '../realm.ts';
import type { XmlValue } from '../xml.ts';
import type { Actions } from './action.ts';
import { findInstances } from './find.ts';
import { addressesOf, describeInstance } from './instance-xml.ts';

export const MOST_IDS = 1000;

export const describeInstances: Actions = {
  DescribeInstances(realm, params) {
    const ids = params.list('InstanceId');
    if (ids.length > MOST_IDS) {
      throw invalid(`The number of instance IDs in one call is limited to ${MOST_IDS}: ${ids.length}`);
    }
    const all =
      ids.length > 0
        ? [...findInstances(realm, ids)].sort((one, other) => one.order - other.order)
        : [...realm.instances.values()].filter((instance) => isVisible(realm, instance));
    const matches = filterBy(params, fieldsOf(realm), (instance: Instance) => tagsIn(realm, instance));
    const { items, nextToken } = pageOf(params, all.filter(matches), {
      orderOf: ({ order }) => order,
      idsName: 'InstanceId',
    });
    return { reservationSet: reservations(realm, items), nextToken };
  },
};

/** A reservation may go over several pages. */
function reservations(realm: Realm, instances: readonly Instance[]): XmlValue {
  const byReservation = new Map<string, Instance[]>();
  for (const instance of instances) {
    const list = byReservation.get(instance.reservation);
    if (list === undefined) byReservation.set(instance.reservation, [instance]);
    else list.push(instance);
  }
  return [...byReservation].map(([reservationId, members]) => ({
    reservationId,
    ownerId: realm.account,
    groupSet: [],
    instancesSet: members.map((instance) => describeInstance(realm, instance)),
  }));
}

function fieldsOf(realm: Realm): Readonly<Record<string, FilterField<Instance>>> {
  const now = realm.clock.now();
  const addresses = (instance: Instance): ReturnType<typeof addressesOf> =>
    addressesOf(instance, stateOf(instance, now));
  return {
    'availability-zone': ({ zone }) => [zone],
    'client-token': ({ token }) => [token],
    'image-id': ({ spec }) => [spec.image.id],
    'instance-id': ({ id }) => [id],
    'instance-lifecycle': ({ spec }) => [spec.isSpot ? 'spot' : null],
    'instance-state-code': (instance) => [String(STATE_CODES[stateOf(instance, now)])],
    'instance-state-name': (instance) => [stateOf(instance, now)],
    'instance-type': ({ spec }) => [spec.type.name],
    'instance.group-id': ({ spec }) => spec.groups,
    'instance.group-name': ({ spec }) => spec.groups.map((id) => realm.groups.get(id)?.name ?? null),
    'ip-address': (instance) => [addresses(instance).publicAddress],
    'key-name': ({ spec }) => [spec.keyName],
    'launch-index': ({ launchIndex }) => [String(launchIndex)],
    'owner-id': () => [realm.account],
    'private-ip-address': (instance) => [addresses(instance).privateAddress],
    'reservation-id': ({ reservation }) => [reservation],
    'root-device-type': ({ spec }) => [spec.image.rootDeviceType],
    'subnet-id': ({ subnet }) => [subnet],
    tenancy: ({ spec }) => [spec.tenancy],
    'vpc-id': ({ vpc }) => [vpc],
  };
}
