import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ran, RunOptions } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';

const FLEET = `
version: 1
name: fleet
levels:
  - name: app
    services:
      db: {}
      web: { count: 3, labels: { tier: front } }
`;

let space: Awaited<ReturnType<typeof workspace>>;

beforeAll(async () => {
  space = await workspace({ 'plan.yml': FLEET });
  const { code, stderr } = await run(['up', 'plan.yml', '-q']);
  if (code !== 0) throw new Error(stderr);
});

afterAll(async () => {
  await run(['down', 'fleet', '--yes', '-q']);
  await space[Symbol.asyncDispose]();
});

function run(argv: readonly string[], options: Partial<RunOptions> = {}): Promise<Ran> {
  return plan(argv, { cwd: space.path, ...options });
}

/** What a file of a machine holds. */
async function there(machine: string, path: string): Promise<string> {
  const { stdout } = await run(['exec', machine, '--', 'cat', path]);
  return stdout;
}

/** Times differ from run to run. */
function timeless(text: string): string {
  return text
    .replaceAll(/\d+\.\ds\b/g, 'TIME')
    .split('\n')
    .toSorted()
    .filter(Boolean)
    .join('\n');
}

describe('plan copy', () => {
  it('copies files and directories to machines, and back with their names', async () => {
    await mkdir(join(space.path, 'site', 'empty'), { recursive: true });
    await writeFile(join(space.path, 'site', 'index.html'), 'hello\n', { mode: 0o640 });
    await writeFile(join(space.path, 'a:b'), 'colon');
    const sent = await run(['copy', 'site', './a:b', 'web:~']);
    expect(sent).toMatchObject({ code: 0, stdout: '' });
    expect(timeless(sent.stderr)).toBe(
      ['web-0', 'web-1', 'web-2'].map((name) => `${name}: copied 11 B in TIME`).join('\n'),
    );
    expect(await there('web-1', 'a:b')).toBe('colon');
    await mkdir(join(space.path, 'back'));
    const got = await run(['copy', 'web-0..1:site', 'web-0..1:a:b', 'back/']);
    expect(timeless(got.stderr)).toBe(
      [0, 1]
        .map(
          (i) =>
            `web-${i}: copied 11 B to ${space.path}/back/site.web-${i} ${space.path}/back/a:b.web-${i} in TIME`,
        )
        .join('\n'),
    );
    expect((await readdir(join(space.path, 'back'))).toSorted()).toEqual([
      'a:b.web-0',
      'a:b.web-1',
      'site.web-0',
      'site.web-1',
    ]);
    const file = join(space.path, 'back', 'site.web-1', 'index.html');
    expect([await readFile(file, 'utf8'), (await stat(file)).mode & 0o777]).toEqual(['hello\n', 0o640]);
    await run(['copy', 'db:', 'db-home', '-q']);
    const [deployment = ''] = await readdir(join(space.path, '.plan', 'logs'));
    const runs = join(space.path, '.plan', 'logs', deployment, 'copy');
    const [, second = ''] = (await readdir(runs)).toSorted();
    expect(timeless(await readFile(join(runs, second, 'web-0.log'), 'utf8'))).toBe(
      [
        `[copied 11 bytes, TIME]`,
        `a:b -> ${space.path}/back/a:b.web-0`,
        `site -> ${space.path}/back/site.web-0`,
      ].join('\n'),
    );
    expect((await stat(join(space.path, 'db-home'))).isDirectory()).toBe(true);
  });

  it('takes every way to select machines', async () => {
    await writeFile(join(space.path, 'f'), 'f');
    const all: [readonly string[], readonly string[]][] = [
      [
        ['f', '*:g'],
        ['db-0', 'web-0', 'web-1', 'web-2'],
      ],
      [['f', '@app:~/g', '--exclude', 'web'], ['db-0']],
      [
        ['f', 'web-*:g', '--exclude', 'web-1'],
        ['web-0', 'web-2'],
      ],
      [['f', ':g', '-l', 'tier=front,index=2'], ['web-2']],
      [
        ['f', 'db:g', '-l', 'index=1', '--serial'],
        ['db-0', 'web-1'],
      ],
    ];
    for (const [words, machines] of all) {
      const { code, stdout } = await run(['copy', ...words, '--json']);
      const lines = jsonLines(stdout);
      expect([code, lines[1]]).toMatchObject([0, { type: 'selected', machines }]);
      const ended = lines.filter(({ type }) => type === 'ended');
      expect(ended.map(({ machine, outcome, bytes, paths }) => [machine, outcome, bytes, paths])).toEqual(
        expect.arrayContaining(machines.map((name) => [name, 'ended', 1, [words[1]?.replace(/^.*?:/, '')]])),
      );
      expect(lines.at(-1)).toMatchObject({
        type: 'result',
        operation: 'copy',
        outcome: 'succeeded',
        failed: [],
      });
    }
    expect(lines(await there('web-*', 'g'))).toBe(3);
  });

  it('says what is wrong before it copies anything', async () => {
    const wrong: [readonly string[], RegExp][] = [
      [['f'], /Cannot copy: the destination is missing/],
      [['f', 'g'], /neither side is on machines\nA place on machines is written SELECTOR:PATH/],
      [['web:f', 'db:g'], /both sides are on machines/],
      [['f', 'web:a', 'g'], /"f" together with "web:a": they are in different places/],
      [['web-0:f', 'web-1:f', 'g'], /"web-0:f" together with "web-1:f"/],
      [['f', ':g'], /no machines are selected/],
      [['f', ''], /a path is empty/],
      [['none', 'web:~'], /Cannot copy ".*\/none": there is no such file/],
      [['f', 'nothing:~'], /nothing/],
      [['f', 'web:~', '--user', 'a b'], /that is no user name/],
      [['web:f', 'no/such/'], /Cannot copy to ".*no\/such\/": there is no such directory/],
    ];
    for (const [words, message] of wrong) {
      const { code, stderr } = await run(['copy', ...words]);
      expect([words, code, stderr]).toEqual([words, 2, expect.stringMatching(message)]);
    }
  });

  it('answers with 1 and a table when it was not done everywhere', async () => {
    await run(['exec', 'web-1', '--', 'sh', '-c', 'echo only >only']);
    const { code, stderr } = await run(['copy', 'web:only', 'got']);
    expect(code).toBe(1);
    expect(stderr.replaceAll(/\d+\.\ds/g, 'TIME').replaceAll(/ {2,}/g, '  ')).toMatch(
      /MACHINE  TIME  WHY\nweb-0  TIME  Cannot copy "only": there is no such file\nweb-2  .*\nDone on 1 of 3 machines\.\nTheir logs: /,
    );
    expect(await readFile(join(space.path, 'got.web-1'), 'utf8')).toBe('only\n');
    const one = await run(['copy', 'web-0:only', 'got']);
    expect([one.code, one.stderr]).toEqual([1, expect.stringMatching(/there is no such file/)]);
    const none = await run(['copy', 'web-0:only', 'got', '--json']);
    expect([none.code, jsonLines(none.stdout).at(-1)]).toMatchObject([
      1,
      { type: 'result', outcome: 'failed', failed: ['web-0'] },
    ]);
    const slow = await run(['copy', 'f', 'web-0:~', '--timeout', '1ms']);
    expect([slow.code, slow.stderr]).toEqual([1, expect.stringMatching(/not done within 1ms/)]);
  });

  it('shows bytes on a terminal, and leaves nothing when it is interrupted', async () => {
    // Too large to be copied to its end.
    await writeFile(join(space.path, 'big'), '');
    await truncate(join(space.path, 'big'), 50_000_000_000);
    const terminal = { columns: 100, rows: 30 };
    const ran = await run(['copy', 'big', 'web-0:big'], {
      terminal,
      onStderr: (text, send) => {
        if (/ MB, \d+/.test(text)) send('SIGINT');
      },
    });
    expect(ran.code).toBe(130);
    expect(ran.stderr).toMatch(/copy {2}0 of 1 done, [\d.]+ MB, [\d.]+ MB\/s/);
    const told = await run(['copy', 'big', 'web-0:big', '--json'], {
      onStdout: (text, send) => {
        if (text.includes('"type":"progress"')) send('SIGTERM');
      },
    });
    expect(told.code).toBe(143);
    const lines = jsonLines(told.stdout);
    expect(lines.find(({ type }) => type === 'progress')).toMatchObject({
      machine: 'web-0',
      bytes: expect.any(Number) as unknown,
    });
    expect(lines.at(-1)).toMatchObject({ type: 'result', outcome: 'interrupted' });
    const here = await run(['copy', 'big', 'web-0:big', '--timeout', '500ms']);
    expect([here.code, here.stderr]).toEqual([1, expect.stringMatching(/not done within 500ms/)]);
    expect(await there('web-0', 'big')).toBe('');
    await rm(join(space.path, 'big'));
  });
});

function lines(text: string): number {
  return text.split('\n').filter(Boolean).length;
}
