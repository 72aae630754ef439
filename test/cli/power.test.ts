import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalProvider } from '../../src/providers/local/local.ts';
import type { Ran, RunOptions } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';

/** A verify script that fails for machines with an entry in `sick`, and a bootstrap that lasts while `slow` is there. */
const fleetIn = (directory: string): string => `
version: 1
name: fleet
levels:
  - name: data
    services:
      db: { protect: true, verify: { run: "true" } }
  - name: app
    services:
      web:
        count: 4
        env: { NAME: "{{self.name}}", DIRECTORY: "${directory}" }
        bootstrap: { run: 'while [ -e "$DIRECTORY/slow" ]; do sleep 0.1; done; echo "$NAME" >> "$DIRECTORY/runs"' }
        verify: { run: 'test ! -e "$DIRECTORY/$NAME.sick"', attempts: 1 }
        teardown: { run: 'echo "$NAME down" >> "$DIRECTORY/runs"' }
`;

const terminal = { columns: 100, rows: 30 };
let space: Awaited<ReturnType<typeof workspace>>;

function here(...argv: readonly string[]): Promise<Ran> {
  return plan(argv, { cwd: space.path });
}

function there(options: Omit<RunOptions, 'cwd'>, ...argv: readonly string[]): Promise<Ran> {
  return plan([...argv, '--progress', 'plain'], { cwd: space.path, ...options });
}

const inPlace = (name: string): string => join(space.path, name);

/** `web-0 ready`, one per machine of the service, and the exit code. */
async function shown(...argv: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await here('status', '--json', ...argv);
  const { levels } = JSON.parse(stdout) as {
    levels: { services: { machines: { name: string; state: string }[] }[] }[];
  };
  return levels.flatMap(({ services }) =>
    services.flatMap(({ machines }) => machines.map(({ name, state }) => `${name} ${state}`)),
  );
}

/** What became of machines, as the last line of JSON Lines says. */
function became({ stdout }: Ran): unknown {
  const [deployment] = jsonLines(stdout).at(-1)?.['deployments'] as readonly {
    machines: readonly { machine: string; became: string }[];
  }[];
  return deployment?.machines.map((one) => `${one.machine} ${one.became}`);
}

beforeAll(async () => {
  space = await workspace();
  await writeFile(inPlace('fleet.yml'), fleetIn(space.path));
  const { code, stderr } = await here('up', 'fleet.yml', '--progress', 'quiet');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

afterAll(async () => {
  await here('down', '--yes', '--force-protected');
  await space[Symbol.asyncDispose]();
});

describe('stop', () => {
  it('asks with the machines listed, and takes only yes for yes', async () => {
    const unasked = await here('stop', 'web-0..1');
    expect(unasked).toMatchObject({ code: 2, stdout: '' });
    expect(unasked.stderr).toBe(
      'These machines of "fleet" would be stopped:\n  app: web-0, web-1\n' +
        'Cannot ask for confirmation: there is no terminal\nAdd --yes to go on without being asked.\n',
    );
    const refused = await there({ terminal, typed: 'n\n' }, 'stop', '@app', '--teardown');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('would be stopped, once their teardown scripts have run:');
    expect(refused.stderr).toContain('Stop 4 machines? [y/N] ');
    expect(await shown()).toEqual(['db-0 ready', ...['0', '1', '2', '3'].map((n) => `web-${n} ready`)]);
  });

  it('never takes nothing for everything', async () => {
    for (const argv of [['stop'], ['stop', '--exclude', 'web-0']]) {
      const ran = await here(...argv, '--yes');
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain('Cannot select machines: nothing says which');
      expect(ran.stderr).toContain('There are the services db and web and the levels @data and @app.');
    }
    expect(await here('stop', 'wep', '--yes')).toMatchObject({ code: 2, stdout: '' });
  });

  it('stops machines, and status, verify and diff say so', async () => {
    const stopped = await here('stop', 'web-1', '--yes');
    expect(stopped.code).toBe(0);
    expect(stopped.stderr).toMatch(/✔ fleet: stopped 1 machine \(web-1\)\n$/);
    const again = await here('stop', 'web-1');
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).toMatch(/No machine of "fleet" is to be stopped\n {2}stopped already: web-1\n$/);
    const states = ['db-0 ready', 'web-0 ready', 'web-1 stopped', 'web-2 ready', 'web-3 ready'];
    expect(await shown()).toEqual(states);
    expect(await shown('--refresh')).toEqual(states);
    const status = await here('status');
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(/^fleet {2}stopped/);
    const verified = await here('verify');
    expect(verified.code).toBe(1);
    expect(verified.stdout).toBe(
      '✘ web-1  launch: The machine is stopped: start, repair or up starts it\n1 of 5 machines did not pass\n',
    );
    expect((await here('diff', 'fleet.yml')).stdout).toContain('go on with web-1: it is stopped');
  });
});

describe('machines that are ready, stopped, failed, lost and terminated', () => {
  it('start leaves some, starts one, and tells of those that it cannot start', async () => {
    await writeFile(inPlace('web-2.sick'), '');
    expect((await here('reboot', 'web-2', '--yes')).code).toBe(1);
    const state = await here('status', '--json');
    const id = /"name": "web-3",[^}]*?"id": "([^"]+)"/s.exec(state.stdout)?.[1] ?? '';
    const provider = createLocalProvider({ stateDirectory: join(space.path, '.plan') });
    await provider.terminate([id], { signal: new AbortController().signal });
    await provider.close();

    const ran = await here('start', '*', '--json');
    expect(ran).toMatchObject({ code: 1 });
    expect(jsonLines(ran.stdout)[0]).toMatchObject({ type: 'version', operation: 'start' });
    expect(became(ran)).toEqual([
      'db-0 already',
      'web-0 already',
      'web-1 done',
      'web-2 failed',
      'web-3 failed',
    ]);
    expect(jsonLines(ran.stdout).at(-1)).toMatchObject({
      type: 'result',
      outcome: 'failed',
      deployments: [
        {
          failures: [
            { machine: 'web-2', step: 'verify' },
            { machine: 'web-3', reason: 'lost' },
          ],
        },
      ],
    });
    expect(await shown()).toEqual(['db-0 ready', 'web-0 ready', 'web-1 ready', 'web-2 failed', 'web-3 lost']);
  });

  it('reboot one by one begins on no other after a failure, and says how to go on', async () => {
    const ran = await here('reboot', 'web', '--serial', '--yes');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(
      /✘ Cannot reboot all machines of "fleet": 1 of 4 machines failed\n\n {2}web-2 {2}verify failed[^]*\n\n {2}rebooted: web-0, web-1\n {2}failed: web-2\n {2}not rebooted: web-3\nNext: plan reboot web-2 web-3 --serial -d fleet\n {6}plan repair fleet {2}\(bootstraps again what does not verify\)\n {6}plan logs web-2 -d fleet\n {6}plan status fleet\n$/,
    );
  });

  it('stop stops those that are there', async () => {
    const ran = await here('stop', 'web', '--yes', '--json', '--max-unavailable', '25%');
    expect(became(ran)).toEqual(['web-0 done', 'web-1 done', 'web-2 done', 'web-3 failed']);
    expect((await here('start', 'web-0..1', '--serial')).code).toBe(0);
  });

  it('replace begins with what is broken, stops at the first failure, and says what was not replaced', async () => {
    const ran = await here('replace', 'web-0..2', '--serial', '--yes');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(
      /\n {2}failed: web-2\n {2}not replaced: web-0, web-1\nNothing more was begun after the first failure\.\nNext: plan replace web-0\.\.2 --serial -d fleet\n/,
    );
    const others = await here('replace', 'web-0..1', '--serial', '--yes');
    expect(others.stderr).toMatch(/✔ fleet: replaced 2 machines \(web-0, web-1\)\n$/);
    expect(others.code).toBe(0);
    await rm(inPlace('web-2.sick'));
    const healed = await here('replace', '--state', 'failed', '--yes');
    expect(healed.code).toBe(0);
    expect(healed.stderr).toMatch(/✔ fleet: replaced 1 machine \(web-2\)\n$/);
    expect((await here('status')).code).toBe(0);
  });

  it('replace launches what was ended alone again, which its question says', async () => {
    expect((await here('down', '--only', 'web-3', '--yes')).code).toBe(0);
    const asked = await here('replace', 'web-0');
    expect(asked.stderr).toContain('These are terminated and would be launched again:\n  app: web-3\n');
    expect((await here('replace', 'web-0', '--yes')).code).toBe(0);
    expect((await shown()).every((line) => line.endsWith(' ready'))).toBe(true);
  });

  it('are made ready by up where they were stopped', async () => {
    await writeFile(inPlace('runs'), '');
    expect((await here('stop', 'web-0', '--teardown', '--yes')).code).toBe(0);
    expect((await here('stop', 'web-1', '--yes')).code).toBe(0);
    expect((await here('up', 'fleet.yml')).code).toBe(0);
    expect(await readFile(inPlace('runs'), 'utf8')).toBe('web-0 down\nweb-0\n');
    expect((await shown()).every((line) => line.endsWith(' ready'))).toBe(true);
  });
});

describe('limits', () => {
  it('replace refuses protected machines before it asks', async () => {
    const refused = await here('replace', '*');
    expect(refused).toMatchObject({
      code: 2,
      stderr:
        'Cannot replace "db-0": service "db" is protected\nAdd --force-protected to do it all the same.\n',
    });
    expect((await here('replace', 'db', '--yes', '--force-protected')).code).toBe(0);
  });

  it('what takes longer than --timeout on a machine has failed, and its script is ended', async () => {
    await writeFile(inPlace('slow'), '');
    const ran = await here('replace', 'web-0', '--yes', '--timeout', '2s');
    await rm(inPlace('slow'));
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('did not end within the limit of 2s per machine');
    expect(ran.stderr).toContain('Next: plan replace web-0 --timeout 2s -d fleet\n');
    expect((await here('up', 'fleet.yml')).code).toBe(0);
  });

  it('an interrupted one says how to go on, and the same command goes on', async () => {
    await writeFile(inPlace('slow'), '');
    const ran = await there(
      { onStderr: (text, send) => text.includes('connected in') && send('SIGINT') },
      'replace',
      'web-1',
      '--yes',
    );
    expect(ran.code).toBe(130);
    expect(ran.stderr).toMatch(/✘ Interrupted: [^]*not replaced: web-1\nNext: plan replace web-1 -d fleet\n/);
    await rm(inPlace('slow'));
    expect((await here('replace', 'web-1', '--yes')).code).toBe(0);
    expect((await here('status')).code).toBe(0);
  });
});

describe('a deployment that is terminated', () => {
  it.each(['start', 'stop', 'reboot', 'replace'])('%s does nothing, and asks nobody', async (verb) => {
    expect((await here('down', '--yes', '--force-protected')).code).toBe(0);
    const before = (await here('events')).stdout;
    for (const selector of ['*', 'web', '@app']) {
      const ran = await here(verb, selector);
      expect(ran).toMatchObject({ code: 0, stdout: '' });
      expect(ran.stderr).toBe(`No machine of "fleet" is there: there is nothing to ${verb}.\n`);
    }
    expect((await here('events')).stdout).toBe(before);
  });
});
