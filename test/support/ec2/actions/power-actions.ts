import { ApiError, invalid, missing } from '../api-error.ts';
import type { Instance, Moment, StateName } from '../instance.ts';
import { PENDING, REASONS, redirect, stateOf, USER_SHUTDOWN } from '../instance.ts';
import type { Params } from '../params.ts';
import type { Realm } from '../realm.ts';
import type { XmlValue } from '../xml.ts';
import type { Action, Actions } from './action.ts';
import { overQuota, quotaLeft, refuse } from './capacity.ts';
import { MOST_IDS } from './describe-instances.ts';
import { findInstances } from './find.ts';
import { stateXml } from './instance-xml.ts';
import { readShutdownBehavior } from './launch-spec.ts';

/** All of a call happens, or nothing. */
export const powerActions: Actions = {
  TerminateInstances(realm, params) {
    const instances = named(realm, params);
    for (const { id, spec } of instances) {
      if (!spec.isProtected) continue;
      throw new ApiError(
        'OperationNotPermitted',
        `The instance '${id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
      );
    }
    dryRun(params);
    return change(realm, instances, (instance, state, now) => {
      if (state === 'shutting-down' || state === 'terminated') return null;
      return [
        { at: now, state: 'shutting-down', reason: USER_SHUTDOWN },
        { at: now + realm.settings.endTime, state: 'terminated', reason: USER_SHUTDOWN },
      ];
    });
  },

  StopInstances(realm, params) {
    const instances = named(realm, params);
    const now = realm.clock.now();
    for (const instance of instances) {
      const { id, spec } = instance;
      if (spec.image.rootDeviceType !== 'ebs') {
        throw new ApiError(
          'UnsupportedOperation',
          `The instance '${id}' does not have an 'ebs' root device type and cannot be stopped.`,
        );
      }
      if (!spec.canStop) {
        throw new ApiError(
          'UnsupportedOperation',
          `You can't stop the Spot Instance '${id}' because it is associated with a one-time Spot Instance request. ` +
            'You can only stop Spot Instances associated with persistent Spot Instance requests.',
        );
      }
      expectState(instance, now, ['running', 'stopping', 'stopped'], 'stopped');
    }
    dryRun(params);
    return change(realm, instances, (instance, state) => {
      if (state !== 'running') return null;
      return [
        { at: now, state: 'stopping', reason: USER_SHUTDOWN },
        { at: now + realm.settings.stopTime, state: 'stopped', reason: USER_SHUTDOWN },
      ];
    });
  },

  StartInstances(realm, params) {
    const instances = named(realm, params);
    const now = realm.clock.now();
    for (const instance of instances) {
      expectState(instance, now, ['pending', 'running', 'stopped'], 'started');
    }
    dryRun(params);
    for (const { spec, zone, subnet } of instances.filter((one) => stateOf(one, now) === 'stopped')) {
      refuse(realm, spec, { id: subnet, zone });
      if (quotaLeft(realm, spec) < 1) throw overQuota(realm, spec);
    }
    return change(realm, instances, (instance, state) => {
      if (state !== 'stopped') return null;
      return [
        { at: now, state: 'pending', reason: PENDING },
        { at: now + realm.settings.bootTime, state: 'running', reason: null },
      ];
    });
  },

  RebootInstances(realm, params) {
    const instances = named(realm, params);
    const now = realm.clock.now();
    for (const instance of instances) expectState(instance, now, ['pending', 'running'], 'rebooted');
    dryRun(params);
    for (const instance of instances) realm.power.reboot(instance);
    return { return: true };
  },

  ModifyInstanceAttribute: (realm, params) => modify(realm, params),
};

/** What becomes of an instance whose machine has shut itself down. */
export function shutDown(instance: Instance, { clock, settings }: Pick<Realm, 'clock' | 'settings'>): void {
  const now = clock.now();
  if (stateOf(instance, now) !== 'running') return;
  const reason = REASONS.instanceShutdown;
  const ends = (instance.onShutdown ?? instance.spec.onShutdown) === 'terminate' || !instance.spec.canStop;
  redirect(
    instance,
    now,
    ends
      ? [
          { at: now, state: 'shutting-down', reason },
          { at: now + settings.endTime, state: 'terminated', reason },
        ]
      : [
          { at: now, state: 'stopping', reason },
          { at: now + settings.stopTime, state: 'stopped', reason },
        ],
  );
}

/** Of the attributes of an instance only what becomes of it when it shuts itself down. */
const modify: Action = (realm, params) => {
  const id = params.required('InstanceId');
  const value = params.structure('InstanceInitiatedShutdownBehavior')?.text('Value');
  if (value === undefined) throw new ApiError('InvalidParameterCombination', 'No attributes specified.');
  const behavior = readShutdownBehavior(value);
  const [instance] = findInstances(realm, [id]);
  if (instance === undefined) throw missing('InstanceId');
  if (behavior === 'stop' && !instance.spec.canStop) {
    throw new ApiError(
      'UnsupportedOperation',
      `The instanceInitiatedShutdownBehavior of the Spot Instance '${id}' cannot be modified.`,
    );
  }
  if (stateOf(instance, realm.clock.now()) === 'terminated')
    throw new ApiError('IncorrectInstanceState', `The instance '${id}' is not in a valid state for this.`);
  dryRun(params);
  instance.onShutdown = behavior;
  return { return: true };
};

function named(realm: Realm, params: Params): readonly Instance[] {
  const ids = params.list('InstanceId');
  if (ids.length === 0) throw missing('InstanceId');
  if (ids.length > MOST_IDS) {
    throw invalid(`The number of instance IDs in one call is limited to ${MOST_IDS}: ${ids.length}`);
  }
  return findInstances(realm, ids);
}

function dryRun(params: Params): void {
  if (params.flag('DryRun') !== true) return;
  throw new ApiError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
}

function expectState(instance: Instance, now: number, states: readonly StateName[], what: string): void {
  if (states.includes(stateOf(instance, now))) return;
  throw new ApiError(
    'IncorrectInstanceState',
    `The instance '${instance.id}' is not in a state from which it can be ${what}.`,
  );
}

/** `next`: what becomes of an instance; null: nothing new. */
function change(
  realm: Realm,
  instances: readonly Instance[],
  next: (instance: Instance, state: StateName, now: number) => readonly [Moment, ...Moment[]] | null,
): Readonly<Record<string, XmlValue>> {
  const now = realm.clock.now();
  return {
    instancesSet: instances.map((instance) => {
      const before = stateOf(instance, now);
      const moments = next(instance, before, now);
      if (moments !== null) {
        redirect(instance, now, moments);
        realm.power.follow(instance);
      }
      return {
        instanceId: instance.id,
        currentState: stateXml(moments?.[0].state ?? before),
        previousState: stateXml(before),
      };
    }),
  };
}
