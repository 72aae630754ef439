import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/errors.ts';
import type { Json } from '../../../src/json.ts';
import { readConfig } from '../../../src/providers/ec2/read-config.ts';

function read(options: Readonly<Record<string, Json>>): ReturnType<typeof readConfig> {
  return readConfig({ name: 'west', options }, {});
}

function errorOf(options: Readonly<Record<string, Json>>): string {
  try {
    read(options);
  } catch (error) {
    if (error instanceof UsageError) return `${error.message}\n${error.hint ?? ''}`;
    throw error;
  }
  return expect.fail('it was read');
}

describe('readConfig()', () => {
  it('takes a region, and asks once a second', () => {
    expect(read({ region: ' us-west-2 ' })).toEqual({
      name: 'west',
      region: 'us-west-2',
      endpoint: null,
      profile: null,
      credentials: null,
      pollInterval: 1_000,
      sshFrom: [],
    });
  });

  it('takes everything', () => {
    expect(
      read({
        region: 'RegionOne',
        endpoint: 'http://cloud:8773/services',
        accessKeyId: 'AKIA',
        secretAccessKey: 'hush',
        sessionToken: 'quiet',
        pollInterval: '250ms',
        sshFrom: ['203.0.113.0/24', '2001:db8::/32'],
        profile: null,
      }),
    ).toEqual({
      name: 'west',
      region: 'RegionOne',
      endpoint: 'http://cloud:8773/services',
      profile: null,
      credentials: { accessKeyId: 'AKIA', secretAccessKey: 'hush', sessionToken: 'quiet' },
      pollInterval: 250,
      sshFrom: ['203.0.113.0/24', '2001:db8::/32'],
    });
  });

  it('takes one block of addresses, and credentials without a session', () => {
    const config = read({
      region: 'us-west-2',
      accessKeyId: 'AKIA',
      secretAccessKey: 'hush',
      sshFrom: '203.0.113.7/32',
    });
    expect([config.sshFrom, config.credentials?.sessionToken]).toEqual([['203.0.113.7/32'], null]);
  });

  it('takes the endpoint that the environment names for AWS where it names none', () => {
    const other = { AWS_ENDPOINT_URL: 'http://all:4566', AWS_ENDPOINT_URL_EC2: '' };
    const of = (options: Readonly<Record<string, Json>>, environment: Readonly<Record<string, string>>) =>
      readConfig({ name: 'west', options }, environment).endpoint;
    expect(of({}, other)).toBe('http://all:4566');
    expect(of({}, { ...other, AWS_ENDPOINT_URL_EC2: 'http://ec2:1' })).toBe('http://ec2:1');
    expect(of({ endpoint: 'http://own:2' }, other)).toBe('http://own:2');
  });

  it('needs no region where there is an endpoint', () => {
    expect(read({ endpoint: 'https://cloud.example' }).region).toBe('us-east-1');
    expect(errorOf({})).toBe(
      'Cannot use provider "west": it has no region\n' +
        'Write a region such as us-west-2, or the endpoint of an EC2-compatible cloud.',
    );
  });

  it.each([
    ['zone', { region: 'us-west-2', zone: 'a' }, 'ec2 has no key "zone"'],
    ['a region with a slash', { region: 'evil.example/' }, 'its region "evil.example/" is not a region'],
    ['a region that is empty', { region: '' }, 'its region is empty'],
    ['a region that is a list', { region: ['a'] }, 'its region is not text'],
    ['an endpoint without a scheme', { endpoint: 'cloud:8773' }, 'its endpoint "cloud:8773" is not a URL'],
    ['an endpoint that is none', { endpoint: 'a cloud' }, 'its endpoint is not a URL without a password'],
    ['no duration', { region: 'r', pollInterval: 'soon' }, 'its pollInterval "soon" is not a duration'],
    ['no pause', { region: 'r', pollInterval: '0s' }, 'its pollInterval "0s" is not a duration'],
    ['a number of something', { region: 'r', pollInterval: 5 }, 'its pollInterval "5" is not a duration'],
    ['no list', { region: 'r', sshFrom: 1 }, 'its sshFrom "1" is not a list'],
    [
      'an address',
      { region: 'r', sshFrom: ['203.0.113.7'] },
      'its sshFrom "203.0.113.7" is not an address block',
    ],
    [
      'too long a prefix',
      { region: 'r', sshFrom: ['203.0.113.7/33'] },
      '"203.0.113.7/33" is not an address block',
    ],
    [
      'two sources',
      { region: 'r', profile: 'p', accessKeyId: 'A', secretAccessKey: 's' },
      'both a profile and an',
    ],
  ])('refuses %s', (_, options, message) => {
    expect(errorOf(options)).toContain(message);
  });

  it.each([
    [{ accessKeyId: 'AKIA' }, 'it has accessKeyId without secretAccessKey'],
    [{ secretAccessKey: 'hush' }, 'it has secretAccessKey without accessKeyId'],
    [{ sessionToken: 'hush' }, 'it has sessionToken without accessKeyId'],
    [{ accessKeyId: 'AKIA', secretAccessKey: ['hush'] }, 'its secretAccessKey is not text'],
    [{ endpoint: 'https://ann:hush@cloud.example' }, 'its endpoint is not a URL without a password'],
  ])('refuses half of the credentials, and shows none of them: %j', (options, message) => {
    const error = errorOf({ region: 'us-west-2', ...options });
    expect(error).toContain(message);
    expect(error).not.toContain('hush');
  });
});
