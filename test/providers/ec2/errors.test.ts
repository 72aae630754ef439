import { describe, expect, it } from 'vitest';
import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import { cleanWords } from '../../../src/providers/ec2/clean-words.ts';
import { adviceOn } from '../../../src/providers/ec2/error-advice.ts';
import { errorKind, isThrottle } from '../../../src/providers/ec2/errors.ts';

describe('errorKind()', () => {
  it.each([
    ['InsufficientInstanceCapacity', 'capacity'],
    ['InsufficientFreeAddressesInSubnet', 'capacity'],
    ['SpotMaxPriceTooLow', 'capacity'],
    ['Unsupported', 'capacity'],
    ['VcpuLimitExceeded', 'quota'],
    ['InstanceLimitExceeded', 'quota'],
    ['SecurityGroupLimitExceeded', 'quota'],
    ['AuthFailure', 'auth'],
    ['UnauthorizedOperation', 'auth'],
    ['CredentialsProviderError', 'auth'],
    ['PendingVerification', 'auth'],
    ['InvalidInstanceID.NotFound', 'missing'],
    ['InvalidPlacementGroup.Unknown', 'missing'],
    ['ParameterNotFound', 'missing'],
    ['InvalidParameterValue', 'invalid'],
    ['InvalidAMIID.Malformed', 'invalid'],
    ['IdempotentParameterMismatch', 'invalid'],
    ['IncorrectInstanceState', 'conflict'],
    ['DependencyViolation', 'conflict'],
    ['InvalidGroup.Duplicate', 'conflict'],
    ['InvalidGroup.InUse', 'conflict'],
    ['SomethingElse', 'other'],
  ])('takes %s as %s', (code, kind) => {
    expect(errorKind(code)).toBe(kind);
  });
});

describe('isThrottle()', () => {
  it('knows the codes, and limits of a rate', () => {
    expect(isThrottle('RequestLimitExceeded', '')).toBe(true);
    expect(isThrottle('EC2ThrottledException', '')).toBe(true);
    expect(isThrottle('ResourceLimitExceeded', 'The request rate is too high')).toBe(true);
    expect(isThrottle('ResourceLimitExceeded', 'Too many snapshots')).toBe(false);
    expect(isThrottle('VcpuLimitExceeded', 'You have requested more vCPU capacity')).toBe(false);
  });
});

describe('adviceOn()', () => {
  const on = (call: string, code: string, words = ''): string | null =>
    adviceOn(new Ec2Error(call, code, words));

  it('says what to do about a known code', () => {
    expect(on('RunInstances', 'VcpuLimitExceeded')).toBe(
      'Ask for a higher quota "Running On-Demand … instances" in Service Quotas, or use fewer or smaller machines.',
    );
    expect(on('DescribeVpcs', 'ExpiredToken')).toContain('aws sso login');
    expect(on('DescribeVpcs', 'AuthFailure')).toContain('"accessKeyId" of the provider');
    expect(on('RunInstances', 'InvalidParameterValue')).toContain('Change what the message speaks of');
  });

  it('names the action that is to be allowed', () => {
    expect(on('RunInstances', 'UnauthorizedOperation')).toContain('"ec2:RunInstances"');
    expect(on('GetParameter', 'AccessDeniedException')).toContain('"ssm:GetParameter"');
    expect(
      on('RunInstances', 'UnauthorizedOperation', 'You are not authorized to perform: iam:PassRole on it.'),
    ).toContain('"iam:PassRole"');
  });

  it('says what to do about a kind of code where no more is known', () => {
    expect(on('DescribeVolumes', 'InvalidVolume.NotFound')).toContain('Check the name');
  });

  it('says nothing about an unknown code', () => {
    expect(on('RunInstances', 'SomethingElse')).toBeNull();
  });
});

describe('cleanWords()', () => {
  const clean = (code: string, words: string, secrets: readonly string[] = []): string =>
    cleanWords(code, words, { secrets });

  it('cuts out sealed authorization messages', () => {
    expect(
      clean(
        'UnauthorizedOperation',
        'You are not authorized to perform this operation. Encoded authorization failure message: bGVha2Vk-_x',
      ),
    ).toBe('You are not authorized to perform this operation.');
  });

  it('cuts off the headers of the request', () => {
    expect(
      clean(
        'SignatureDoesNotMatch',
        "It does not match.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nx-amz-security-token:leaked'",
      ),
    ).toBe('It does not match.');
  });

  it('masks secrets and shortens what is long', () => {
    expect(clean('InvalidParameterValue', 'Bad user data: tops3cret\nline', ['tops3cret', ''])).toBe(
      'Bad user data: *** line',
    );
    expect(clean('X', 'a'.repeat(2_000))).toHaveLength(1_001);
  });
});
