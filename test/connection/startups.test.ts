import { describe, expect, it } from 'vitest';
import { ConnectionError } from '../../src/connection/connection.ts';
import { createOpener } from '../../src/connection/open.ts';
import { createConnectionPool } from '../../src/connection/pool.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';

const never = new AbortController().signal;
const missing = sshdMissing();

describe.skipIf(missing !== undefined)(
  `many hosts behind one sshd with its default MaxStartups${missing ? `: ${missing}` : ''}`,
  () => {
    /** Reaches 100 addresses of one server at once; answers what was lost on the way. */
    async function reachAll(sshd: Sshd, hostKey: string | null): Promise<readonly string[]> {
      const problems: string[] = [];
      await using opener = createOpener();
      await using pool = createConnectionPool({ open: opener.open });
      const hosts = Array.from({ length: 100 }, (_, i) => `127.0.1.${i + 1}`);
      await Promise.all(
        hosts.map(async (host) => {
          const access = { ...sshd.access, host, hostKey, startups: 8 };
          try {
            await pool.use({ key: host, access }, { signal: never }, (connection) =>
              connection.exec(':', { signal: never }),
            );
          } catch (error) {
            problems.push(error instanceof ConnectionError ? error.message : String(error));
          }
        }),
      );
      return problems;
    }

    it('are all reached at the first try, whether the host key is known or not', async () => {
      await using sshd = await startSshd({ config: ['MaxStartups 10:30:100'], address: '0.0.0.0' });
      expect(await reachAll(sshd, null)).toEqual([]);
      expect(await reachAll(sshd, sshd.access.hostKey)).toEqual([]);
      expect(await sshd.log()).not.toMatch(/MaxStartups/);
    });
  },
);
