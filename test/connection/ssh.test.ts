import { describe, expect, it } from 'vitest';
import { openConnection } from '../../src/connection/open.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import { connectionContract } from './connection-contract.ts';

const never = new AbortController().signal;
const missing = sshdMissing();

if (missing === undefined) connectionContract('openSsh() with OpenSSH', startSshd);

describe.skipIf(missing !== undefined)(
  `openSsh() with servers of all kinds${missing ? `: ${missing}` : ''}`,
  () => {
    it.each(['ed25519', 'ecdsa', 'rsa'] as const)(
      'pins and then knows a host key of type %s',
      async (hostKeyType) => {
        await using sshd = await startSshd({ hostKeyType });
        const told: string[] = [];
        const options = { signal: never, onHostKey: (hostKey: string) => told.push(hostKey) };
        for (const hostKey of [null, sshd.access.hostKey]) {
          await using connection = await openConnection({ ...sshd.access, hostKey }, options);
          expect((await connection.exec('exit 3', { signal: never })).exitCode).toBe(3);
        }
        expect(told).toEqual([sshd.access.hostKey]);
      },
    );

    it.each([
      [['KexAlgorithms curve25519-sha256', 'Ciphers chacha20-poly1305@openssh.com']],
      [['KexAlgorithms diffie-hellman-group14-sha256', 'Ciphers aes256-ctr', 'MACs hmac-sha2-512']],
    ])('agrees with a server that allows only %s', async (config) => {
      await using sshd = await startSshd({ config });
      const lines: string[] = [];
      const options = { signal: never, onHostKey: () => undefined, log: (line: string) => lines.push(line) };
      await using connection = await openConnection(sshd.access, options);
      expect((await connection.exec('exit 3', { signal: never })).exitCode).toBe(3);
      expect(lines.join('\n')).toMatch(/Handshake/);
    });

    it('runs the first program in the shell that was started to see whether commands can be run', async () => {
      await using sshd = await startSshd({ config: ['LogLevel VERBOSE'] });
      const options = { signal: never, onHostKey: () => undefined };
      await using connection = await openConnection(sshd.access, options);
      const run = async (program: string): Promise<string> =>
        String((await connection.exec('exec sh -s', { signal: never, stdin: program })).stdout);
      const sessions = async (): Promise<number> =>
        [...(await sshd.log()).matchAll(/Starting session/g)].length;
      await connection.ready(options);
      expect([await run('echo 1'), await sessions()]).toEqual(['1\n', 1]);
      expect([await run('echo 2'), await sessions()]).toEqual(['2\n', 2]);
      await connection.ready(options);
      // Another one is started where that has died, once that is heard of.
      await connection.exec(
        'for other in $(cat /proc/$PPID/task/$PPID/children); do [ $other = $$ ] || kill -9 $other; done',
        options,
      );
      await expect.poll(() => run('echo 3')).toBe('3\n');
    });

    it('has a server prove no other host keys than the one that it was reached by', async () => {
      await using sshd = await startSshd({ config: ['LogLevel DEBUG3'], moreHostKeys: ['rsa', 'ecdsa'] });
      await using connection = await openConnection(sshd.access, {
        signal: never,
        onHostKey: () => undefined,
      });
      await connection.exec(':', { signal: never });
      const log = await sshd.log();
      expect(log).toMatch(/hostkeys-00@openssh.com|notify_hostkeys/);
      expect(log).not.toMatch(/hostkeys.prove/);
    });

    it('says so when nothing can be agreed upon', async () => {
      await using sshd = await startSshd({ config: ['Ciphers 3des-cbc'] });
      const opening = openConnection(sshd.access, { signal: never, onHostKey: () => undefined });
      await expect(opening).rejects.toMatchObject({
        problem: 'failed',
        message: /^Cannot connect to .*cipher/,
      });
    });
  },
);
