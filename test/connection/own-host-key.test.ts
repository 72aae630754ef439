import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { OWN_HOST_KEY, makeOwnHostKey } from '../../src/connection/own-host-key.ts';

const options = { signal: new AbortController().signal };
const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO7XFl0vT7Cj5hVNQ8hTCaUeXcYPZi5fW6pZGk0jFs7q';

/** A machine that prints this, whatever it is asked to do. */
function printing(text: string): Connection {
  const refuse = () => Promise.reject(new Error('nothing else is asked of it'));
  return {
    ready: refuse,
    exec: () => {
      const stdout = Buffer.from(text);
      return Promise.resolve({ exitCode: 0, exitSignal: null, stdout, stderr: Buffer.alloc(0) });
    },
    upload: refuse,
    download: refuse,
    forward: refuse,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

describe('makeOwnHostKey()', () => {
  it.skipIf(!hasShellcheck)('sends a program that any POSIX shell runs (shellcheck)', () => {
    const { stdout } = spawnSync('shellcheck', ['-s', 'sh', '-'], { input: OWN_HOST_KEY, encoding: 'utf8' });
    expect(stdout).toBe('');
  });

  it.each(['dash', 'bash', 'busybox'])('prints nothing without root and sudo under %s', (shell) => {
    const argv = shell === 'busybox' ? ['sh', '-s'] : ['-s'];
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const { stdout, status } = spawnSync(shell, argv, {
      input: OWN_HOST_KEY,
      encoding: 'utf8',
      env: { PATH: '/nowhere:/usr/bin:/bin', HOME: '/nonexistent' },
      ...nobody,
    });
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  });

  it('answers the key that the machine tells, without its comment, whatever else it says', async () => {
    const said = `Welcome!\nown-host-key ${KEY} root@here\nbye\n`;
    expect(await makeOwnHostKey(printing(said), options)).toBe(KEY);
  });

  it.each(['', 'own-host-key \n', 'own-host-key ssh-rsa AAAA\n', `not-own-host-key ${KEY}\n`])(
    'answers null for %j',
    async (said) => {
      expect(await makeOwnHostKey(printing(said), options)).toBeNull();
    },
  );
});
