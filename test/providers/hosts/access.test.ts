import { afterEach, beforeEach, expect, it } from 'vitest';

import type { SshAccess } from '../../../src/machine.ts';
import { accessOf } from '../../../src/providers/hosts/access.ts';
import { readHostEntries } from '../../../src/providers/hosts/host-entry.ts';
import { readSshConfig } from '../../../src/providers/hosts/ssh-config.ts';
import type { TestPool } from './pool.ts';
import { createTestPool } from './pool.ts';

let pool: TestPool;

beforeEach(() => {
  pool = createTestPool();
});
afterEach(() => pool[Symbol.dispose]());

function reach(host: string, environment: Readonly<Record<string, string>> = {}): SshAccess {
  const [entry] = readHostEntries([host]);
  if (entry === undefined) throw new Error('no host');
  const operator = { home: pool.home, user: 'ann', environment };
  return accessOf(entry, readSshConfig(pool.home), operator);
}

const plain = {
  kind: 'ssh',
  hostKey: null,
  trust: { kind: 'known-hosts' },
  startups: 8,
};

it('accessOf() does as OpenSSH where nothing is configured', () => {
  expect(reach('10.0.0.1')).toEqual({
    ...plain,
    host: '10.0.0.1',
    port: 22,
    user: 'ann',
    privateKey: null,
  });
  const keys = ['id_rsa', 'id_ed25519', 'id_dsa'].map((name) => pool.write(`.ssh/${name}`, ''));
  pool.write('.ssh/id_ecdsa.pub', '');
  expect(reach('ben@web:2222', { SSH_AUTH_SOCK: '/run/agent' })).toEqual({
    ...plain,
    host: 'web',
    port: 2222,
    user: 'ben',
    privateKey: keys[1],
    moreKeys: [`${pool.home}/.ssh/id_ecdsa`, keys[0]],
    agent: 'SSH_AUTH_SOCK',
  });
});

it('accessOf() follows ~/.ssh/config, and what the plan says wins', () => {
  const [first, second] = ['.ssh/web key', 'keys/ann-web.internal-op'].map((name) => pool.write(name, ''));
  pool.write('.ssh/id_ed25519', '');
  pool.write(
    '.ssh/config',
    [
      'Host web*',
      '  HostName %h.internal',
      '  Port 2022',
      '  User op',
      '  IdentityFile "~/.ssh/web key"',
      '  IdentityFile %d/keys/%u-web.internal-%r',
      '  IdentityFile ~/.ssh/gone',
      '  ProxyJump gate,ben@[fe80::1]:2200',
      '  IdentityAgent ~/agent.sock',
      '  HostKeyAlias rack-%h',
      'Host gate',
      '  HostName gate.example',
      '  User jumper',
      '  HostKeyAlias gates',
      'Host *',
      '  Port 2023',
    ].join('\n'),
  );
  expect(reach('web')).toEqual({
    ...plain,
    host: 'web.internal',
    port: 2022,
    user: 'op',
    privateKey: first,
    moreKeys: [second],
    agent: `${pool.home}/agent.sock`,
    hostKeyAlias: 'rack-%h',
    jump: [
      { host: 'gate.example', port: 2023, user: 'jumper', hostKeyAlias: 'gates' },
      { host: 'fe80::1', port: 2200, user: 'ben' },
    ],
  });
  expect(reach('cy@web:5')).toMatchObject({ host: 'web.internal', port: 5, user: 'cy' });
  expect(reach('db')).toMatchObject({ host: 'db', port: 2023, user: 'ann' });
});

it('accessOf() knows which agent is meant, and that none is', () => {
  pool.write('.ssh/id_ed25519', '');
  pool.write(
    '.ssh/config',
    [
      'Host none',
      '  IdentityAgent none',
      '  ProxyJump none',
      'Host own',
      '  IdentityAgent $MY_AGENT',
      'Host same',
      '  IdentityAgent SSH_AUTH_SOCK',
      'Host keys',
      '  IdentitiesOnly yes',
    ].join('\n'),
  );
  const environment = { SSH_AUTH_SOCK: '/run/agent', MY_AGENT: '/run/mine' };
  expect(['none', 'own', 'same', 'keys'].map((host) => reach(host, environment).agent)).toEqual([
    undefined,
    '/run/mine',
    'SSH_AUTH_SOCK',
    'SSH_AUTH_SOCK',
  ]);
  expect(['same', 'keys'].map((host) => reach(host, environment).onlyNamedKeys)).toEqual([undefined, true]);
  expect(reach('none')).not.toHaveProperty('jump');
});

it('readSshConfig() follows Include, with patterns, and no further than it leads', () => {
  pool.write(
    '.ssh/config',
    'Include config.d/* ~/more "~/.ssh/with space" none\nPort 23\nHost *\n  User last\n',
  );
  pool.write('.ssh/config.d/a.conf', 'Host a\n  User ann\n');
  pool.write('.ssh/config.d/b.conf', 'Include config.d/b.conf\nHost b\n  Include ~/inside\n  User ben\n');
  pool.write('inside', 'HostName b.example\nHost *\n  User nobody\n');
  pool.write('.ssh/with space', 'Host c\n  User cy\n');
  pool.write('more', 'Host d\n  User dan\n');
  const config = readSshConfig(pool.home);
  expect(['a', 'b', 'c', 'd', 'e'].map((host) => config(host)('user')[0])).toEqual([
    'ann',
    'ben',
    'cy',
    'dan',
    'last',
  ]);
  expect([config('a')('hostname'), config('b')('hostname')]).toEqual([[], ['b.example']]);
  expect(['a', 'e'].map((host) => config(host)('port')[0])).toEqual(['23', '23']);
  pool.write('.ssh/config', 'Include nowhere/*\n');
  expect(readSshConfig(pool.home)('a')('user')).toEqual([]);
});
