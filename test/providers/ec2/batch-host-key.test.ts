import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { batchHostKey } from '../../../src/providers/ec2/batch-host-key.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'batch-host-key-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

it('batchHostKey() makes keys that OpenSSH reads, and their public halves', () => {
  for (let round = 0; round < 20; round += 1) {
    const { privateKey, publicKey } = batchHostKey();
    const path = join(directory, `key-${round}`);
    writeFileSync(path, privateKey);
    chmodSync(path, 0o600);
    expect(execFileSync('ssh-keygen', ['-y', '-f', path], { encoding: 'utf8' }).trim()).toBe(publicKey);
  }
});

it('batchHostKey() makes another one each time', () => {
  expect(batchHostKey().publicKey).not.toBe(batchHostKey().publicKey);
});
