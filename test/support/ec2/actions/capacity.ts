import { ApiError } from '../api-error.ts';
import type { LaunchSpec } from '../instance.ts';
import { stateOf } from '../instance.ts';
import type { Realm, Rule, Subnet } from '../realm.ts';
import type { LaunchPlace } from './launch-spec.ts';
import { refusal } from './refusals.ts';

export interface Placed {
  readonly subnet: Subnet;
  /** How many instances there are to be, from min to max. */
  readonly count: number;
}

/** Decides where and how many instances are launched; throws what AWS says when min of them cannot be. */
export function place(
  realm: Realm,
  spec: LaunchSpec,
  { subnet, zone, maxPrice }: LaunchPlace,
  { min, max }: { readonly min: number; readonly max: number },
): Placed {
  const subnets =
    subnet === null
      ? realm.subnets.filter((one) => one.isDefault && (zone ?? one.zone) === one.zone)
      : [subnet];
  if (maxPrice !== null && maxPrice < spec.type.spotPrice) {
    throw new ApiError(
      'SpotMaxPriceTooLow',
      `Your Spot request price of ${maxPrice} is lower than the minimum required Spot request fulfillment price of ${spec.type.spotPrice}.`,
    );
  }
  const [first] = subnets;
  if (first !== undefined) refuse(realm, spec, first, (rule) => rule.zone === null);
  const allowed = Math.min(max, quotaLeft(realm, spec));
  if (allowed < min) throw overQuota(realm, spec);
  let refused: ApiError | undefined;
  for (const one of subnets) {
    try {
      refuse(realm, spec, one, (rule) => rule.zone !== null);
      return { subnet: one, count: Math.min(allowed, room(realm, spec, one, min)) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      refused = error;
    }
  }
  throw (
    refused ??
    refusal('InsufficientInstanceCapacity', { type: spec.type.name, zone: zone ?? realm.region, realm })
  );
}

/** Takes the placed instances from what rules leave. */
export function takeCapacity(realm: Realm, spec: LaunchSpec, { subnet, count }: Placed): void {
  for (const { effect } of rulesFor(realm, spec, subnet.zone)) {
    if (effect.kind === 'limit') effect.left -= count;
  }
}

/** Throws the code that a rule asks for, of those that apply. */
export function refuse(
  realm: Realm,
  { type }: Pick<LaunchSpec, 'type'>,
  { id, zone }: Pick<Subnet, 'id' | 'zone'>,
  applies: (rule: Rule) => boolean = () => true,
): void {
  for (const rule of rulesFor(realm, { type }, zone).filter(applies)) {
    const { effect } = rule;
    if (effect.kind !== 'refuse') continue;
    rule.times -= 1;
    if (effect.message !== null) throw new ApiError(effect.code, effect.message);
    throw refusal(effect.code, { type: type.name, zone, subnet: id, realm });
  }
}

export function rulesFor(realm: Realm, { type }: Pick<LaunchSpec, 'type'>, zone: string): readonly Rule[] {
  return realm.rules.filter(
    (rule) =>
      rule.times > 0 && (rule.instanceType ?? type.name) === type.name && (rule.zone ?? zone) === zone,
  );
}

/** How many there are capacity and addresses for, at least min. */
function room(realm: Realm, spec: LaunchSpec, { id, zone, addresses }: Subnet, min: number): number {
  const limits = rulesFor(realm, spec, zone).flatMap(({ effect }) =>
    effect.kind === 'limit' ? [effect.left] : [],
  );
  const capacity = Math.min(...limits);
  if (capacity < min) throw refusal('InsufficientInstanceCapacity', { type: spec.type.name, zone, realm });
  const now = realm.clock.now();
  const taken = [...realm.instances.values()].filter(
    (one) => one.subnet === id && stateOf(one, now) !== 'terminated',
  ).length;
  if (addresses - taken < min) {
    throw refusal('InsufficientFreeAddressesInSubnet', { type: spec.type.name, zone, subnet: id, realm });
  }
  return Math.min(capacity, addresses - taken);
}

/** How many more instances of the type the vCPU quota allows. */
export function quotaLeft(realm: Realm, { isSpot, type }: Pick<LaunchSpec, 'isSpot' | 'type'>): number {
  const now = realm.clock.now();
  let used = 0;
  for (const instance of realm.instances.values()) {
    if (instance.spec.isSpot !== isSpot) continue;
    const state = stateOf(instance, now);
    if (state === 'pending' || state === 'running') used += instance.spec.type.vcpus;
  }
  const quota = isSpot ? realm.quotas.spot : realm.quotas.onDemand;
  return Math.max(0, Math.floor((quota - used) / type.vcpus));
}

export function overQuota(realm: Realm, { isSpot, type }: Pick<LaunchSpec, 'isSpot' | 'type'>): ApiError {
  const code = isSpot ? 'MaxSpotInstanceCountExceeded' : 'VcpuLimitExceeded';
  return refusal(code, { type: type.name, zone: '', realm });
}
