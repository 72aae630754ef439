import { describe, expect, it } from 'vitest';
import {
  imageOf,
  instancesOf,
  instanceTypeOf,
  keyPairOf,
  securityGroupOf,
  subnetOf,
  volumeOf,
  vpcOf,
} from '../../../src/providers/ec2/ec2-answers.ts';

function reason(
  StateReason: { Code?: string; Message?: string } | undefined,
  transition = '',
): string | null {
  const [instance] = instancesOf({ Instances: [{ StateReason, StateTransitionReason: transition }] });
  return instance?.reason ?? null;
}

describe('the reason of a state', () => {
  it('is the code and the message, which often has the code in it', () => {
    expect(reason({ Code: 'Server.SpotInstanceTermination', Message: 'Spot instance termination' })).toBe(
      'Server.SpotInstanceTermination: Spot instance termination',
    );
    expect(
      reason({
        Code: 'Client.UserInitiatedShutdown',
        Message: 'Client.UserInitiatedShutdown: User shutdown',
      }),
    ).toBe('Client.UserInitiatedShutdown: User shutdown');
    expect(reason({ Code: 'Server.InternalError' })).toBe('Server.InternalError');
  });

  it('is null for a machine that starts, and for one without', () => {
    expect(reason({ Code: 'pending', Message: 'pending' })).toBeNull();
    expect(reason(undefined)).toBeNull();
    expect(reason({})).toBeNull();
  });

  it('is that of the transition where a cloud tells no other', () => {
    expect(reason(undefined, 'User initiated')).toBe('User initiated');
    expect(reason({ Message: 'Gone' })).toBe('Gone');
  });
});

describe('answers', () => {
  it('may leave out everything', () => {
    expect(instancesOf({})).toEqual([]);
    expect(instancesOf({ Instances: [{}] })[0]).toMatchObject({ state: 'pending', account: '', tags: {} });
    expect(imageOf({})).toMatchObject({ rootDeviceType: 'ebs', createdAt: 0, rootDeviceName: null });
    expect(subnetOf({})).toMatchObject({ freeAddresses: 0, isDefaultForZone: false });
    expect(vpcOf({})).toEqual({ id: '', isDefault: false, account: '' });
    expect(securityGroupOf({ VpcId: '' })).toMatchObject({ vpcId: null, tags: {} });
    expect(keyPairOf({ Tags: [{}] })).toMatchObject({ createdAt: null, tags: { '': '' } });
    expect(volumeOf({})).toMatchObject({ createdAt: 0 });
    expect(instanceTypeOf({})).toEqual({ name: '', vcpus: 0, architectures: [] });
  });
});
