import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import ssh2 from 'ssh2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { StateError } from '../src/errors.ts';
import { ensureKeyPair, hostKeyPair, privateKeyFile } from '../src/keys.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plan keys-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function parsed(text: string): ssh2.ParsedKey {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw key;
  return key;
}

describe('hostKeyPair()', () => {
  it('makes keys that sign and verify, every one of a thousand', () => {
    for (let index = 0; index < 1_000; index++) {
      const pair = hostKeyPair();
      const signature = parsed(privateKeyFile(pair)).sign('text');
      expect(parsed(pair.publicKey).verify('text', signature)).toBe(true);
    }
  });
});

describe('ensureKeyPair()', () => {
  it('makes a key that only its owner can read, and keeps it', () => {
    const keys = join(directory, 'state', 'keys');
    const first = ensureKeyPair(keys);
    const text = readFileSync(first.privateKeyPath, 'utf8');
    expect(statSync(first.privateKeyPath).mode & 0o777).toBe(0o600);
    expect(statSync(keys).mode & 0o777).toBe(0o700);
    expect(parsed(text).getPublicSSH().toString('base64')).toBe(first.publicKey.split(' ')[1]);
    expect(ensureKeyPair(keys)).toEqual(first);
    expect(readFileSync(first.privateKeyPath, 'utf8')).toBe(text);
    expect(readdirSync(keys)).toEqual(['id_ed25519']);
  });

  it('gives racing processes the same key', async () => {
    const script = `const { workerData, parentPort } = require('node:worker_threads');
      import(workerData.module).then(({ ensureKeyPair }) => parentPort.postMessage(ensureKeyPair(workerData.directory).publicKey));`;
    const module = new URL('../dist/keys.js', import.meta.url).href;
    const workers = Array.from(
      { length: 6 },
      () => new Worker(script, { eval: true, workerData: { module, directory } }),
    );
    const keys = await Promise.all(
      workers.map(
        (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
      ),
    );
    expect(new Set(keys).size).toBe(1);
    await Promise.all(workers.map((worker) => worker.terminate()));
  });

  it.each([
    ['garbage', 'not a key'],
    ['a truncated key', privateKeyFile(hostKeyPair()).slice(0, 60)],
    ['another type of key', () => ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private],
  ])('refuses %s', (_name, text) => {
    const path = join(directory, 'id_ed25519');
    writeFileSync(path, typeof text === 'string' ? text : text());
    expect(() => ensureKeyPair(directory)).toThrow(StateError);
  });

  it('says where a key cannot be made', () => {
    writeFileSync(join(directory, 'file'), '');
    expect(() => ensureKeyPair(join(directory, 'file'))).toThrow(
      `Cannot use the key "${join(directory, 'file', 'id_ed25519')}"`,
    );
    expect(existsSync(join(directory, 'id_ed25519'))).toBe(false);
  });
});
