import { ApiError, invalid } from '../api-error.ts';
import { newId } from '../ids.ts';
import type { Instance, LaunchSpec, Moment } from '../instance.ts';
import { isAlive, PENDING } from '../instance.ts';
import type { Params } from '../params.ts';
import type { Realm, Volume } from '../realm.ts';
import { hashOf } from '../realm.ts';
import { readTagSpecifications } from '../tags.ts';
import type { XmlValue } from '../xml.ts';
import type { Actions } from './action.ts';
import type { Placed } from './capacity.ts';
import { place, rulesFor, takeCapacity } from './capacity.ts';
import { describeInstance } from './instance-xml.ts';
import { readLaunch } from './launch-spec.ts';

const TAGGABLE = ['instance', 'volume', 'network-interface', 'spot-instances-request', 'elastic-gpu'];

export const runInstances: Actions = {
  RunInstances(realm, params) {
    const token = readToken(params);
    const request = hashOf(params.all(['ClientToken', 'DryRun']).join('\n'));
    const again = token === null ? undefined : repeated(realm, token, request);
    if (again !== undefined) return again;
    const min = params.integer('MinCount');
    const max = params.integer('MaxCount');
    if (min === undefined || max === undefined) {
      throw new ApiError('MissingParameter', 'The request must contain the parameters MinCount and MaxCount');
    }
    if (min < 1)
      throw invalid(`Value (${min}) for parameter minCount is invalid. Expecting a value of at least 1.`);
    if (max < min)
      throw invalid(
        `Value (${min}) for parameter minCount is invalid. It is greater than maxCount (${max}).`,
      );
    const tags = readTagSpecifications(params, TAGGABLE);
    const { spec, place: wanted } = readLaunch(realm, params, tags.get('network-interface') ?? new Map());
    if (tags.has('spot-instances-request') && !spec.isSpot) {
      throw invalid(`'spot-instances-request' can be tagged by a launch of Spot Instances only`);
    }
    if (params.flag('DryRun') === true) {
      throw new ApiError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
    }
    const placed = place(realm, spec, wanted, { min, max });
    takeCapacity(realm, spec, placed);
    const launched = launch(realm, spec, placed, { token, tags });
    const reservation = launched[0]?.reservation ?? '';
    if (token !== null) {
      realm.launches.set(token, { request, reservation, ids: launched.map(({ id }) => id) });
    }
    return answer(realm, reservation, launched, 'pending');
  },
};

function readToken(params: Params): string | null {
  const token = params.text('ClientToken');
  if (token === undefined || token === '') return null;
  if (token.length > 64)
    throw invalid(`Value (${token}) for parameter clientToken is invalid. It exceeds 64 characters.`);
  return token;
}

/** The answer to a token that was used before; throws when the request is another one or its instances are gone. */
function repeated(realm: Realm, token: string, request: string): ReturnType<typeof answer> | undefined {
  const before = realm.launches.get(token);
  if (before === undefined) return undefined;
  if (before.request !== request) {
    throw new ApiError(
      'IdempotentParameterMismatch',
      'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    );
  }
  const instances = before.ids.flatMap((id) => realm.instances.get(id) ?? []);
  const now = realm.clock.now();
  if (!instances.some((instance) => isAlive(instance, now))) {
    throw new ApiError(
      'IdempotentInstanceTerminated',
      `The client token '${token}' was used to launch instances that have since been terminated.`,
    );
  }
  return answer(realm, before.reservation, instances);
}

/** The order of instances in the answer says nothing, so it is not that of the launch index. */
function answer(
  realm: Realm,
  reservation: string,
  instances: readonly Instance[],
  as: 'pending' | 'now' = 'now',
): Readonly<Record<string, XmlValue>> {
  const set = instances.map((instance) =>
    describeInstance(realm, instance, as === 'pending' ? instance.timeline[0] : undefined),
  );
  return { reservationId: reservation, ownerId: realm.account, groupSet: [], instancesSet: set.reverse() };
}

function launch(
  realm: Realm,
  spec: LaunchSpec,
  { subnet, count }: Placed,
  {
    token,
    tags,
  }: { readonly token: string | null; readonly tags: ReadonlyMap<string, ReadonlyMap<string, string>> },
): readonly Instance[] {
  const now = realm.clock.now();
  const reservation = newId('r');
  return Array.from({ length: count }, (_, launchIndex) => {
    const instance: Instance = {
      id: newId('i'),
      order: realm.nextOrder(),
      reservation,
      launchIndex,
      launchedAt: now,
      token,
      spec,
      zone: subnet.zone,
      subnet: subnet.id,
      vpc: subnet.vpc,
      address: realm.nextAddress(),
      interface: newId('eni'),
      volumes: spec.volumes.map(() => newId('vol')),
      timeline: firstMoments(realm, spec, subnet.zone, now),
      tags: [{ since: now, tags: tags.get('instance') ?? new Map() }],
    };
    realm.instances.set(instance.id, instance);
    for (const [index, id] of instance.volumes.entries()) {
      const volume = spec.volumes[index];
      if (volume !== undefined)
        realm.volumes.set(id, volumeOf(realm, instance, id, volume, tags.get('volume')));
    }
    realm.power.follow(instance);
    return instance;
  });
}

function firstMoments(realm: Realm, spec: LaunchSpec, zone: string, now: number): readonly Moment[] {
  const pending: Moment = { at: now, state: 'pending', reason: PENDING };
  for (const rule of rulesFor(realm, spec, zone)) {
    const { effect } = rule;
    if (effect.kind !== 'stillborn') continue;
    rule.times -= 1;
    return [pending, { at: now + effect.after, state: 'terminated', reason: effect.reason }];
  }
  return [pending, { at: now + realm.settings.bootTime, state: 'running', reason: null }];
}

function volumeOf(
  realm: Realm,
  instance: Instance,
  id: string,
  spec: LaunchSpec['volumes'][number],
  tags: ReadonlyMap<string, string> | undefined,
): Volume {
  const { sizeGiB, type, encrypted, snapshot, device, deleteOnTermination } = spec;
  return {
    id,
    order: realm.nextOrder(),
    zone: instance.zone,
    sizeGiB,
    type,
    encrypted,
    snapshot,
    createdAt: instance.launchedAt,
    device,
    deleteOnTermination,
    instance,
    tags: [{ since: instance.launchedAt, tags: tags ?? new Map() }],
  };
}
