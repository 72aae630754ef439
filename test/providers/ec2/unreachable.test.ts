import { describe, expect, it } from 'vitest';
import { readSdkFailure } from '../../../src/providers/ec2/sdk-failure.ts';
import { unreachable } from '../../../src/providers/ec2/unreachable.ts';

const aws = { region: 'us-wset-2', endpoint: null };
const call = { service: 'EC2', action: 'DescribeVpcs' };

/** The message for an error of the SDK, one that was not sent to a server. */
function messageOf(fields: object, message = 'failed'): string {
  const failure = readSdkFailure(Object.assign(new Error(message), fields), (_, words) => words);
  if (failure.kind === 'refused') return `${failure.code}: ${failure.words}`;
  return unreachable(aws, call, failure).message;
}

describe('unreachable()', () => {
  it('names the region and the host that there is not', () => {
    expect(messageOf({ code: 'ENOTFOUND', hostname: 'ec2.us-wset-2.amazonaws.com' })).toBe(
      'Cannot ask EC2 in region "us-wset-2" for DescribeVpcs: there is no host "ec2.us-wset-2.amazonaws.com" (ENOTFOUND)\n' +
        'Check that there is a region "us-wset-2", and that this host resolves names.',
    );
    expect(messageOf({ code: 'ENOTFOUND' })).toContain('there is no such host (ENOTFOUND)');
  });

  it('tells of a service that does not answer in time, and what to look at', () => {
    expect(messageOf({ name: 'TimeoutError' }, 'Request timed out')).toBe(
      'Cannot ask EC2 in region "us-wset-2" for DescribeVpcs: it did not answer in time (TimeoutError)\n' +
        'Check that there is a region "us-wset-2", and the network between this host and it; then try again.',
    );
  });

  it('says what to do about a certificate', () => {
    expect(messageOf({ code: 'SELF_SIGNED_CERT_IN_CHAIN' }, 'self-signed certificate')).toBe(
      'Cannot ask EC2 in region "us-wset-2" for DescribeVpcs: self-signed certificate\n' +
        'Check for a proxy between this host and AWS; NODE_EXTRA_CA_CERTS names a file of certificates to trust.',
    );
  });

  it('passes on what is no error at all', () => {
    expect(messageOf({}, 'Surprise')).toContain('for DescribeVpcs: Surprise');
    expect(readSdkFailure('text', (_, words) => words)).toEqual({ kind: 'unusable', why: '' });
  });
});
