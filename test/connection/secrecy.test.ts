import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { openConnection } from '../../src/connection/open.ts';
import { createScriptRunner } from '../../src/connection/shell-script-runner.ts';
import type { ScriptRun } from '../../src/connection/script-runner.ts';
import { watchCommandLines } from '../support/command-lines.ts';
import { exposed } from '../support/exposed.ts';
import { createLocalMachines } from '../support/local-machines.ts';
import { script, scriptRun } from './script-fixture.ts';
import { CONTAINERS, OPENSSH, PROCESSES } from './script-machine.ts';
import type { MachineKind, ScriptMachine } from './script-machine.ts';

const never = new AbortController().signal;
const runner = createScriptRunner();
const quiet = { signal: never, onOutput: () => undefined };

const LOCAL: MachineKind = {
  name: 'the local provider',
  missing: undefined,
  async start() {
    const machines = await createLocalMachines({ inProcess: true });
    const { id, access } = await machines.one();
    if (access === null) throw new Error('Cannot reach the machine');
    const home = machines.home(id);
    return { access, directory: home, home, [Symbol.asyncDispose]: () => machines[Symbol.asyncDispose]() };
  },
};

for (const { name: kind, missing, start } of [OPENSSH, PROCESSES, CONTAINERS, LOCAL]) {
  describe.skipIf(missing !== undefined)(`over ${kind}${missing ? `: ${missing}` : ''}`, () => {
    let machine: ScriptMachine;
    let connection: Connection;
    beforeAll(async () => {
      machine = await start();
      connection = await openConnection(machine.access, { signal: never, onHostKey: () => undefined });
    });
    afterAll(async () => {
      await connection[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    });

    /** Runs with a secret in every place that one can be in, supervised and not, small and large. */
    async function runAll(secret: string, argument: string): Promise<void> {
      const small = { path: 'small', mode: 0o644, bytes: Buffer.from(secret) };
      const large = { path: 'large', mode: 0o644, bytes: Buffer.from(secret.repeat(10_000)) };
      const text = `# ${secret}\nsleep 0.4; printf '%s' "$TOKEN" >kept; cat small large >both`;
      const change: Partial<ScriptRun> = {
        env: { TOKEN: secret },
        args: [argument],
        files: [small, large],
        attributes: JSON.stringify({ secret }),
      };
      const tree = { ...script(text), entries: [...script(text).entries, { ...large, path: 'lib' }] };
      for (const given of [scriptRun(text, change), scriptRun('', { ...change, script: tree })]) {
        expect(await runner.run(connection, given, quiet)).toMatchObject({ exitCode: 0 });
        expect(await runner.attempt(connection, given, quiet)).toMatchObject({ exitCode: 0 });
        await runner.put(connection, given, { signal: never });
      }
      await connection.upload([small, large], { signal: never });
    }

    it('shows no secret on any command line; arguments, which are for it, on that of the script alone', async () => {
      const secret = `s3cret-${randomBytes(8).toString('hex')}`;
      const argument = `argument-${randomBytes(8).toString('hex')}`;
      const watch = watchCommandLines();
      await runAll(secret, argument);
      const seen = await watch.stop();
      expect(seen.filter((line) => line.includes(secret))).toEqual([]);
      const told = seen.filter((line) => line.includes(argument));
      expect(told).not.toEqual([]);
      expect(told.filter((line) => !line.includes('script.sh'))).toEqual([]);
    });

    it('keeps all that it puts on a machine to its user, work directories at 0700', async () => {
      await runAll('secret', 'argument');
      const base = join(machine.directory, '.plan');
      for (const path of [base, join(base, 'd-1'), join(base, 'd-1/work')])
        expect((await stat(path)).mode & 0o777, path).toBe(0o700);
      const uploaded = (await readdir(base, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      expect(uploaded.filter((path) => /script\.sh$/.test(path)).length).toBeGreaterThanOrEqual(3);
      expect(exposed(base)).toEqual([]);
    });
  });
}
