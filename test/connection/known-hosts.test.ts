import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { knownHost } from '../../src/connection/known-hosts.ts';

const A = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBVvI0RNH5a3xyzv2q4h6KV8eOPkDdiyOiWbiRlSwsPI';
const B = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQDI';
const C = 'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAI';

describe('knownHost()', () => {
  const directory = mkdtempSync(join(tmpdir(), 'plan-known-hosts-'));
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  function keys(text: string, host: string, port = 22): readonly string[] {
    return knownHost(text, host, port).keys;
  }

  it('finds plain names and addresses, whatever their case, and all their keys in order', () => {
    const text = `# people\n\nweb.example,10.0.0.1 ${A} a comment\r\n\tWEB.example\t${B}\nother ${C}\nbroken\n`;
    expect(keys(text, 'Web.Example')).toEqual([A, B]);
    expect(keys(text, '10.0.0.1')).toEqual([A]);
    expect(keys(text, 'eb.example')).toEqual([]);
    expect(keys(text, 'web.example', 2222)).toEqual([]);
  });

  it('tells ports apart', () => {
    const text = `[web.example]:2222,[::1]:2222 ${A}\n::1 ${B}\n`;
    expect(keys(text, 'web.example', 2222)).toEqual([A]);
    expect(keys(text, 'web.example')).toEqual([]);
    expect(keys(text, '::1', 2222)).toEqual([A]);
    expect(keys(text, '::1')).toEqual([B]);
  });

  it('keeps keys of the name without a port apart, for another port than 22', () => {
    const text = `web.example ${A}\n[web.example]:2222 ${B}\n@revoked web.example ${C}\n`;
    expect(knownHost(text, 'web.example', 2222)).toEqual({ keys: [B], revoked: [], portless: [A] });
    expect(knownHost(text, 'web.example', 22)).toEqual({ keys: [A], revoked: [C], portless: [] });
  });

  it('follows wildcards, and negation above them', () => {
    const text = `*.example,!bad.example ${A}\nweb? ${B}\n!web1 ${C}\n`;
    expect(keys(text, 'good.example')).toEqual([A]);
    expect(keys(text, 'bad.example')).toEqual([]);
    expect(keys(text, 'example')).toEqual([]);
    expect(keys(text, 'web1')).toEqual([B]);
    expect(keys(text, 'web12')).toEqual([]);
    expect(keys(`[*.example]:22?2 ${A}`, 'a.example', 2222)).toEqual([A]);
  });

  it('keeps revoked keys apart, and passes certificate authorities over', () => {
    const text = `@revoked * ${A}\n@cert-authority *.example ${B}\nweb.example ${C}\n`;
    expect(knownHost(text, 'web.example', 22)).toEqual({ keys: [C], revoked: [A], portless: [] });
  });

  it('knows names that ssh-keygen hashed, and forgets those that it removed', () => {
    const path = join(directory, 'known_hosts');
    writeFileSync(path, `web.example,10.0.0.1 ${A}\n[web.example]:2222 ${A.replace('PI', 'PJ')}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', path], { stdio: 'ignore' });
    const hashed = readFileSync(path, 'utf8');
    expect(hashed).not.toContain('example');
    expect(keys(hashed, 'WEB.example')).toEqual([A]);
    expect(keys(hashed, '10.0.0.1')).toEqual([A]);
    expect(keys(hashed, 'web.example', 2222)).toEqual([A.replace('PI', 'PJ')]);
    expect(keys(hashed, 'other.example')).toEqual([]);
    execFileSync('ssh-keygen', ['-q', '-R', 'web.example', '-f', path], { stdio: 'ignore' });
    const removed = readFileSync(path, 'utf8');
    expect(keys(removed, 'web.example')).toEqual([]);
    expect(keys(removed, '10.0.0.1')).toEqual([A]);
  });
});
