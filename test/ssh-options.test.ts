import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSshText, parseHost, parseJump, parsePort, parseTrust } from '../src/ssh-options.ts';

const MD5 = 'aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99';
const SHA256 = `SHA256:${'a'.repeat(43)}`;

describe('parseTrust()', () => {
  it.each([
    ['knownHosts', { kind: 'known-hosts' }],
    [' pinFirst ', { kind: 'pin-first' }],
    [SHA256, { kind: 'fingerprint', fingerprint: SHA256 }],
    [`${SHA256}=`, { kind: 'fingerprint', fingerprint: SHA256 }],
    [`MD5:${MD5}`, { kind: 'fingerprint', fingerprint: `MD5:${MD5}` }],
    [MD5.toUpperCase(), { kind: 'fingerprint', fingerprint: `MD5:${MD5}` }],
  ])('reads %s', (text, trust) => {
    expect(parseTrust(text)).toEqual(trust);
  });

  it.each(['', 'pinfirst', 'SHA256:', 'SHA256:abc', `${MD5}:00`, 'MD5:aa', 'ssh-ed25519 AAAA'])(
    'refuses "%s"',
    (text) => {
      expect(parseTrust(text)).toBeUndefined();
      expect(isSshText('hostKey', text)).toBe(false);
    },
  );
});

describe('parseJump()', () => {
  it.each([
    ['gate', [{ user: null, host: 'gate', port: null }]],
    ['ann@gate.example:2222', [{ user: 'ann', host: 'gate.example', port: 2222 }]],
    [
      'a@gate, b@10.0.0.1:23,c',
      [
        { user: 'a', host: 'gate', port: null },
        { user: 'b', host: '10.0.0.1', port: 23 },
        { user: null, host: 'c', port: null },
      ],
    ],
    ['[fe80::1%eth0]:2222', [{ user: null, host: 'fe80::1%eth0', port: 2222 }]],
    ['ann@::1', [{ user: 'ann', host: '::1', port: null }]],
  ])('reads %s', (text, jump) => {
    expect(parseJump(text)).toEqual(jump);
  });

  it.each([
    '',
    '@gate',
    'ann@',
    'gate:',
    'gate:0',
    'gate:70000',
    'gate:ssh',
    'a b',
    'gate,',
    'ssh://gate',
    '[::1',
  ])('refuses "%s"', (text) => {
    expect(parseJump(text)).toBeUndefined();
    expect(isSshText('jump', text)).toBe(false);
  });

  it('never throws, and what it reads is whole', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const { user, host, port } of parseJump(text) ?? [])
          if (user === '' || host === '' || (port !== null && !(port >= 1 && port <= 65_535))) return false;
        return true;
      }),
    );
  });
});

it('parsePort() reads ports and nothing else', () => {
  expect(['1', ' 22 ', '65535'].map(parsePort)).toEqual([1, 22, 65_535]);
  for (const text of ['', '0', '65536', '22.5', '0x16', '-1', 'ssh']) expect(parsePort(text)).toBeUndefined();
});

it('isSshText() wants some text for a user and a key', () => {
  expect((['user', 'privateKey'] as const).map((key) => [isSshText(key, ' '), isSshText(key, 'x')])).toEqual([
    [false, true],
    [false, true],
  ]);
});

it('isSshText() takes a host key of each machine, which is no trust of its own', () => {
  expect([isSshText('hostKey', ' perMachine '), isSshText('hostKey', 'permachine')]).toEqual([true, false]);
  expect(parseTrust('perMachine')).toBeUndefined();
});

describe('parseHost()', () => {
  it.each([
    ['web', { user: null, host: 'web', port: null }],
    ['ann@web:2222', { user: 'ann', host: 'web', port: 2222 }],
    ['[fe80::1]:22', { user: null, host: 'fe80::1', port: 22 }],
    ['fe80::1', { user: null, host: 'fe80::1', port: null }],
  ])('reads %s', (text, host) => {
    expect(parseHost(text)).toEqual(host);
  });

  it.each(['', 'a b', 'web:', 'web:0', '@web'])('refuses "%s"', (text) => {
    expect(parseHost(text)).toBeUndefined();
  });
});
