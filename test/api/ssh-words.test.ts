import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SshOptions } from '../../src/api/ssh-words.ts';
import { hostBlock, sshOptions, sshWords } from '../../src/api/ssh-words.ts';
import type { SshAccess } from '../../src/machine.ts';

const FILES = { knownHosts: '/state of 100%/known_hosts', jumpHosts: '/state of 100%/jump_hosts' };

const ACCESS: SshAccess = {
  kind: 'ssh',
  host: '10.0.0.7',
  port: 22,
  user: 'admin',
  privateKey: '/keys of 100%/id',
  hostKey: 'ssh-ed25519 AAAA',
};

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'plan-ssh-words-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** What OpenSSH's client makes of it, by keyword. */
function readBy(argv: readonly string[]): ReadonlyMap<string, string> {
  const text = execFileSync('ssh', ['-G', ...argv], { encoding: 'utf8' });
  return new Map(text.split('\n').map((line) => [line.split(' ')[0] ?? '', line.replace(/^\S+ ?/, '')]));
}

function both(options: SshOptions): readonly ReadonlyMap<string, string>[] {
  const file = join(directory, 'config');
  writeFileSync(file, hostBlock('web-0', options));
  return [readBy(sshWords(options).slice(1)), readBy(['-F', file, 'web-0'])];
}

describe('sshOptions()', () => {
  it('says the same on a command line and in a file, whatever is in paths', () => {
    for (const read of both(sshOptions('web-0', { ...ACCESS, port: 2222 }, FILES))) {
      expect(read.get('hostname')).toBe('10.0.0.7');
      expect(read.get('port')).toBe('2222');
      expect(read.get('user')).toBe('admin');
      expect(read.get('hostkeyalias')).toBe('web-0');
      expect(read.get('stricthostkeychecking')).toBe('true');
      expect(read.get('identitiesonly')).toBe('yes');
      expect(read.get('identityagent')).toBe('none');
      // Its own tokens are replaced later: two of them are one.
      expect(read.get('identityfile')).toBe('/keys of 100%%/id');
      expect(read.get('userknownhostsfile')).toBe('/state of 100%/known_hosts');
      expect(read.get('globalknownhostsfile')).toBe('/dev/null');
    }
  });

  it('asks an agent where the machine has one, and for no other keys where only some may be used', () => {
    const agent: SshAccess = { ...ACCESS, privateKey: null, agent: 'SSH_AUTH_SOCK' };
    for (const read of both(sshOptions('web-0', agent, FILES))) {
      expect(read.get('identityagent')).toBe('SSH_AUTH_SOCK');
      expect(read.get('identitiesonly')).toBe('no');
    }
    const only: SshAccess = { ...ACCESS, moreKeys: ['/b'], agent: '/agent', onlyNamedKeys: true };
    expect(sshOptions('web-0', only, FILES).filter(([keyword]) => keyword.startsWith('Identit'))).toEqual([
      ['IdentityFile', '/keys of 100%%/id'],
      ['IdentityFile', '/b'],
      ['IdentitiesOnly', 'yes'],
      ['IdentityAgent', '/agent'],
    ]);
  });

  it("leaves a host whose key is not recorded to OpenSSH's own files", () => {
    const access: SshAccess = { ...ACCESS, hostKey: null, hostKeyAlias: 'box' };
    const options = new Map(sshOptions('web-0', access, FILES));
    expect(options.get('HostKeyAlias')).toBe('box');
    expect(options.get('StrictHostKeyChecking')).toBe('yes');
    expect(options.has('UserKnownHostsFile')).toBe(false);
  });

  it('goes through hosts between with what they need, the last of them outermost', () => {
    const jump = [
      { user: 'one', host: 'gate', port: 22 },
      { user: 'two', host: 'fe80::1%eth0', port: 2022, hostKeyAlias: 'inner' },
    ];
    const options = new Map(sshOptions('web-0', { ...ACCESS, jump }, FILES));
    const command = options.get('ProxyCommand') ?? '';
    expect(command).toMatch(/^ssh -F none -p 2022 -o 'IdentityFile="\/keys of 100%%%%\/id"' /);
    expect(command).toMatch(/ -W '\[%h\]:%p' two@fe80::1%%eth0$/);
    expect(command).toContain('HostKeyAlias=inner');
    expect(command).toContain('StrictHostKeyChecking=yes');
    expect(command).toMatch(/ProxyCommand=ssh -F none .*\[%%h\]:%%p.* one@gate/);
    const pinned = sshOptions(
      'web-0',
      { ...ACCESS, jump: jump.slice(0, 1), trust: { kind: 'pin-first' } },
      FILES,
    );
    expect(new Map(pinned).get('ProxyCommand')).toMatch(
      /UserKnownHostsFile="\/state of 100%%%%\/jump_hosts"' -o '?StrictHostKeyChecking=accept-new/,
    );
  });
});
