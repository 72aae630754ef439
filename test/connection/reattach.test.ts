import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { ConnectionError } from '../../src/connection/connection.ts';
import { openConnection } from '../../src/connection/open.ts';
import { createConnectionPool } from '../../src/connection/pool.ts';
import type { ScriptEnd, ScriptRun } from '../../src/connection/script-runner.ts';
import { createScriptRunner } from '../../src/connection/shell-script-runner.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';
import { collector, scriptRun } from './script-fixture.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';

const never = new AbortController().signal;
const missing = sshdMissing();
const runner = createScriptRunner();

/** Takes about a second, says what it does, and leaves a mark for each time that it is started. */
const TEXT =
  'echo x >>"$1"; i=0; while [ $i -lt 8 ]; do i=$((i+1)); echo "line $i"; sleep 0.1; done; echo k=v >>"$PLAN_OUTPUT"; exit 0';
const LOG = Array.from({ length: 8 }, (_, i) => `line ${i + 1}\n`).join('');

describe.skipIf(missing !== undefined)(
  `a run whose connection breaks${missing ? `: ${missing}` : ''}`,
  () => {
    let sshd: Sshd;
    let proxy: TcpProxy;
    beforeAll(async () => {
      sshd = await startSshd();
      proxy = await startTcpProxy(sshd.access);
    });
    afterAll(async () => {
      await proxy[Symbol.asyncDispose]();
      await sshd[Symbol.asyncDispose]();
    });

    async function open(): Promise<Connection> {
      return await openConnection(
        { ...sshd.access, port: proxy.port },
        { signal: never, onHostKey: () => undefined },
      );
    }
    /** Runs again, over a new connection, until it is told the end. */
    async function persist(
      run: ScriptRun,
      onOutput: (chunk: Buffer) => void,
    ): Promise<{ end: ScriptEnd; log: string; rounds: number }> {
      for (let rounds = 1; ; rounds += 1) {
        const output = collector();
        const connection = await open();
        try {
          const end = await runner.run(connection, run, {
            signal: never,
            onOutput: (chunk) => {
              output.onOutput(chunk);
              onOutput(chunk);
            },
          });
          return { end, log: output.text(), rounds };
        } catch (error) {
          if (!(error instanceof ConnectionError) || error.problem !== 'lost') throw error;
        } finally {
          await connection[Symbol.asyncDispose]();
        }
      }
    }
    function counted(): { readonly run: ScriptRun; readonly starts: () => Promise<string> } {
      const run = scriptRun(TEXT);
      const mark = join(sshd.home, run.name);
      return { run: { ...run, args: [mark] }, starts: () => readFile(mark, 'utf8') };
    }
    const expected = { end: { kind: 'exited', exitCode: 0, outputs: Buffer.from('k=v\n') }, log: LOG };

    it('while it is started, ran exactly once, and its log has every line once', async () => {
      for (const bytes of [400, 1_000, 2_500, 6_000, 9_000]) {
        const { run, starts } = counted();
        let seen = 0;
        const trap = { armed: true };
        const connection = await open();
        proxy.onClientBytes = (chunk) => {
          seen += chunk.length;
          if (!trap.armed || seen < bytes) return;
          trap.armed = false;
          setImmediate(() => proxy.cut());
        };
        const first = await runner
          .run(connection, run, { signal: never, onOutput: () => undefined })
          .catch((error: unknown) => error);
        proxy.onClientBytes = undefined;
        if (!trap.armed) expect(first).toMatchObject({ problem: 'lost' });
        await connection[Symbol.asyncDispose]();
        expect(await persist(run, () => undefined)).toMatchObject(expected);
        expect(await starts()).toBe('x\n');
      }
    });

    it('while its files are uploaded, has them whole, and ran exactly once', async () => {
      const bytes = Buffer.alloc(3_000_000, 'file content ');
      for (const at of [20_000, 500_000, 2_500_000]) {
        const { run: plain, starts } = counted();
        const run: ScriptRun = { ...plain, files: [{ path: `~/big-${plain.name}`, mode: 0o600, bytes }] };
        let seen = 0;
        proxy.onClientBytes = (chunk) => {
          seen += chunk.length;
          if (seen < at) return;
          proxy.onClientBytes = undefined;
          setImmediate(() => proxy.cut());
        };
        const connection = await open();
        await expect(
          runner.run(connection, run, { signal: never, onOutput: () => undefined }),
        ).rejects.toMatchObject({ problem: 'lost' });
        await connection[Symbol.asyncDispose]();
        expect(await persist(run, () => undefined)).toMatchObject(expected);
        expect(await starts()).toBe('x\n');
        expect((await readFile(join(sshd.home, `big-${plain.name}`))).equals(bytes)).toBe(true);
      }
    });

    it('while a verify tries, fails that try, and the next one passes', async () => {
      const { run: told, starts } = counted();
      const run = { ...scriptRun(TEXT.replace('echo k=v >>"$PLAN_OUTPUT"; ', '')), args: told.args };
      const connection = await open();
      const output = collector();
      await expect(
        runner.attempt(connection, run, {
          signal: never,
          onOutput: (chunk) => {
            output.onOutput(chunk);
            if (chunk.includes('line 2')) proxy.cut();
          },
        }),
      ).rejects.toMatchObject({ problem: 'lost' });
      await connection[Symbol.asyncDispose]();
      const second = await open();
      const again = collector();
      const end = await runner.attempt(second, run, { signal: never, onOutput: again.onOutput });
      await second[Symbol.asyncDispose]();
      expect([end.kind, again.text()]).toEqual(['exited', LOG]);
      expect(await starts()).toBe('x\nx\n');
    });

    it('while its log is followed, again and again, ran exactly once, and its log has every line once', async () => {
      const { run, starts } = counted();
      let cuts = 0;
      const result = await persist(run, (chunk) => {
        if (cuts >= 3 || !chunk.includes(`line ${cuts * 2 + 2}`)) return;
        cuts += 1;
        proxy.cut();
      });
      expect(result).toMatchObject(expected);
      expect(result.rounds).toBeGreaterThan(2);
      expect(await starts()).toBe('x\n');
    });

    it('while it is silent in mid-script, is reported with its exit code after its end', async () => {
      const run = scriptRun('sleep 0.5; echo done; exit 9');
      const connection = await open();
      const first = runner.run(connection, run, { signal: never, onOutput: () => undefined });
      const lost = expect(first).rejects.toMatchObject({ problem: 'lost' });
      proxy.onServerBytes = undefined;
      await new Promise<void>((resolve) => {
        let chunks = 0;
        proxy.onServerBytes = () => {
          chunks += 1;
          if (chunks === 4) resolve();
        };
      });
      proxy.onServerBytes = undefined;
      proxy.cut();
      await lost;
      await connection[Symbol.asyncDispose]();
      expect(await persist(run, () => undefined)).toEqual({
        end: { kind: 'exited', exitCode: 9, outputs: null },
        log: 'done\n',
        rounds: 1,
      });
    });

    it('is found again through a pool, which opens a new connection for it', async () => {
      const { run, starts } = counted();
      await using pool = createConnectionPool({ open: openConnection });
      const target = { key: 'm', access: { ...sshd.access, port: proxy.port } };
      const before = proxy.accepted();
      const first = pool.use(target, { signal: never }, (connection) =>
        runner.run(connection, run, { signal: never, onOutput: () => proxy.cut() }),
      );
      await expect(first).rejects.toMatchObject({ problem: 'lost' });
      const output = collector();
      const end = await pool.use(target, { signal: never }, (connection) =>
        runner.run(connection, run, { signal: never, onOutput: output.onOutput }),
      );
      expect({ end, log: output.text() }).toEqual(expected);
      expect(await starts()).toBe('x\n');
      expect(proxy.accepted() - before).toBe(2);
    });
  },
);
