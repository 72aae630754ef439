import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import type { Ran } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';

const SHOP = `
version: 1
name: shop
inputs:
  webs: { default: 2 }
  token: { default: hush-hush, sensitive: true }
levels:
  - name: data
    services:
      db:
        env: { TOKEN: "{{inputs.token}}" }
        bootstrap: { run: 'echo "port=7070" >> "$PLAN_OUTPUT"; echo "key=sesame-open" >> "$PLAN_OUTPUT"; echo "db is up with $TOKEN"' }
        outputs: { port: {}, key: { sensitive: true } }
  - name: app
    services:
      web:
        count: "{{inputs.webs}}"
        env: { DB: "{{services.db.hostname}}:{{services.db.port}}" }
        bootstrap: { run: 'echo "web uses $DB"' }
        verify: { run: 'echo "checked"', interval: 100ms }
`;

const BROKEN = `
version: 1
name: broken
levels:
  - name: only
    services:
      bad:
        bootstrap: { run: 'echo "about to fail"; exit 3' }
  - name: above
    services:
      never: {}
`;

const SLOW = `
version: 1
name: slow
levels:
  - name: only
    services:
      sleeper: { bootstrap: { run: 'echo "slow now"; sleep 60' } }
`;

const WRONG = 'version: 1\nname: wrong\nlevles: []\n';

/** Where each kind of text has to be. */
interface Expected {
  readonly code: number;
  /** Undefined: nothing at all. */
  readonly stdout?: RegExp;
  readonly stderr?: RegExp;
}

let space: Awaited<ReturnType<typeof workspace>>;

function here(...argv: string[]): Promise<Ran> {
  return plan(argv, { cwd: space.path });
}

function check(ran: Ran, { code, stdout, stderr }: Expected): void {
  expect(ran.stderr).toMatch(stderr ?? /^$/);
  expect(ran.stdout).toMatch(stdout ?? /^$/);
  expect(ran.code).toBe(code);
}

beforeAll(async () => {
  space = await workspace({
    'shop.yml': SHOP,
    'broken.yml': BROKEN,
    'slow.yml': SLOW,
    'wrong.yml': WRONG,
    'inputs.yml': 'webs: 1\n',
  });
});

afterAll(async () => {
  await here('down', '--yes', 'shop', 'broken');
  await space[Symbol.asyncDispose]();
});

describe('every command', () => {
  const shown = COMMANDS.filter(({ hidden }) => hidden !== true);

  it.each(shown.map(({ name }) => name))('%s --help fits a screen and has examples', async (name) => {
    const ran = await here(name, '--help');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const lines = ran.stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(ran.stdout).toMatch(/^Usage: plan /);
    expect(ran.stdout).toContain('Examples:\n');
    // One with many flags of its own leaves those of every command to the help of plan itself.
    const shared = ran.stdout.endsWith('see "plan help".\n') ? (await here('help')).stdout : ran.stdout;
    for (const variable of [
      'STATE_DIR',
      'DEPLOYMENT',
      'JSON',
      'PROGRESS',
      'NO_COLOR',
      'VERBOSE',
      'QUIET',
      'NO_INPUT',
      'PARALLELISM',
      'LOCK_TIMEOUT',
    ])
      expect(shared).toContain(`PLAN_${variable}`);
    expect(shared).toContain('-y, --yes');
    expect(shared).not.toContain('PLAN_YES');
    expect((await here('help', name)).stdout).toBe(ran.stdout);
  });

  it.each(shown.map(({ name }) => name))('%s refuses an unknown flag with a suggestion', async (name) => {
    const ran = await here(
      name,
      ...(COMMANDS.find((spec) => spec.name === name)
        ?.arguments.filter(({ required }) => required)
        .map(() => 'x') ?? []),
      '--jsno',
    );
    check(ran, { code: 2, stderr: /unknown option "--jsno"\nDid you mean "--json"\?\n$/ });
  });

  it('the list of commands fits a window', async () => {
    const ran = await here();
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout.trimEnd().split('\n').length).toBeLessThanOrEqual(70);
    for (const { name, summary } of shown)
      expect(ran.stdout).toMatch(new RegExp(`^  ${name} +${summary}$`, 'm'));
    for (const argv of [['help'], ['--help'], ['-h']]) expect((await here(...argv)).stdout).toBe(ran.stdout);
  });

  it.each<[string, string[], Expected]>([
    [
      'an unknown command',
      ['statsu'],
      { code: 2, stderr: /unknown command "statsu"\nDid you mean "status"\?/ },
    ],
    ['a command of another time', ['snapshot', 'web'], { code: 2, stderr: /unknown command "snapshot"/ }],
    ['help with an unknown command', ['help', 'dwon'], { code: 2, stderr: /Cannot help with "dwon"/ }],
    ['a missing argument', ['up'], { code: 2, stderr: /missing required argument "PLAN"/ }],
    ['a missing value', ['status', '-d'], { code: 2, stderr: /argument missing/ }],
    ['too many arguments', ['list', 'x'], { code: 2, stderr: /too many arguments/ }],
    ['an unknown way of progress', ['list', '--progress', 'loud'], { code: 2, stderr: /progress/ }],
    [
      'parallelism that is no number',
      ['list', '--parallelism', '0'],
      { code: 2, stderr: /Cannot use --parallelism/ },
    ],
    [
      'a lock timeout that is no duration',
      ['list', '--lock-timeout', '5'],
      { code: 2, stderr: /Cannot use --lock-timeout/ },
    ],
    ['the version', ['--version'], { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ }],
    ['the version asked of a command', ['status', '--version'], { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ }],
  ])('%s', async (_, argv, expected) => {
    check(await here(...argv), expected);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ PLAN_JSON: 'perhaps' }, /Cannot use PLAN_JSON: "perhaps" is neither true nor false/],
    [
      { PLAN_PROGRESS: 'loud' },
      /Cannot use PLAN_PROGRESS: "loud" is not one of auto, tty, plain, json, quiet/,
    ],
    [{ PLAN_PARALLELISM: 'all' }, /Cannot use PLAN_PARALLELISM/],
    [{ PLAN_LOCK_TIMEOUT: 'long' }, /Cannot use PLAN_LOCK_TIMEOUT/],
  ])('refuses %j', async (env, message) => {
    check(await plan(['list'], { cwd: space.path, env }), { code: 2, stderr: message });
  });
});

describe('without any deployment', () => {
  it.each<[string, string[], Expected]>([
    ['list', ['list'], { code: 0, stderr: /No deployment is recorded here/ }],
    ['list --json', ['list', '--json'], { code: 0, stdout: /"deployments": \[\]/ }],
    ['status', ['status'], { code: 2, stderr: /none is recorded here\nRun "plan up PLAN"/ }],
    [
      'status NAME',
      ['status', 'shop'],
      { code: 2, stderr: /Cannot find deployment "shop": none is recorded/ },
    ],
    ['down', ['down', '--yes'], { code: 2, stderr: /none is recorded/ }],
    ['output', ['output'], { code: 2, stderr: /none is recorded/ }],
    ['logs', ['logs', 'web-0'], { code: 2, stderr: /none is recorded/ }],
    ['events', ['events'], { code: 2, stderr: /none is recorded/ }],
    [
      'validate',
      ['validate', 'shop.yml', 'broken.yml'],
      { code: 0, stdout: /^shop\.yml: ok\nbroken\.yml: ok\n$/ },
    ],
    [
      'validate of a wrong plan',
      ['validate', 'shop.yml', 'wrong.yml'],
      { code: 2, stdout: /^shop\.yml: ok\n$/, stderr: /levles[^]*levels/ },
    ],
    [
      'validate --json',
      ['validate', 'wrong.yml', '--json'],
      { code: 2, stdout: /"valid": false[^]*"problems": \[/ },
    ],
    ['up of a wrong plan', ['up', 'wrong.yml'], { code: 2, stderr: /levles[^]*Nothing was touched/ }],
    ['up of no plan', ['up', 'nowhere.yml'], { code: 2, stderr: /nowhere\.yml/ }],
    ['up with an unknown input', ['up', 'shop.yml', '--input', 'wbes=1'], { code: 2, stderr: /wbes/ }],
    [
      'up under a name that is none',
      ['up', 'shop.yml', '--name', 'Shop!'],
      { code: 2, stderr: /it is not a name/ },
    ],
    ['up under two names', ['up', 'shop.yml', '--name', 'a', '-d', 'b'], { code: 2, stderr: /both given/ }],
    [
      'up --dry-run',
      ['up', 'shop.yml', '--dry-run', '--input', 'webs=3'],
      {
        code: 0,
        stdout:
          /^shop: would launch 4 machines\n[^]* {2}launch web-0, web-1, web-2: the deployment is new\n$/,
      },
    ],
    [
      'up --dry-run with a file',
      ['up', 'shop.yml', '--dry-run', '--input-file', 'inputs.yml'],
      { code: 0, stdout: /would launch 2 machines/ },
    ],
    [
      'up --dry-run --json',
      ['up', 'shop.yml', '--dry-run', '--json'],
      {
        code: 0,
        stdout: /^{"type":"version","format":1[^]*\n{"type":"result","outcome":"succeeded"[^\n]*\n$/,
      },
    ],
    ['diff', ['diff', 'shop.yml'], { code: 0, stdout: /^shop: would launch 3 machines\n/ }],
    ['diff --exit-code', ['diff', 'shop.yml', '--exit-code'], { code: 4, stdout: /would launch 3/ }],
    ['diff of a wrong plan', ['diff', 'wrong.yml'], { code: 2, stderr: /levles[^]*Nothing was touched/ }],
    ['completion of a strange shell', ['completion', 'csh'], { code: 2, stderr: /one of bash, zsh, fish/ }],
  ])('%s', async (_, argv, expected) => {
    check(await here(...argv), expected);
  });

  it('makes no state directory', async () => {
    const { existsSync } = await import('node:fs');
    expect(existsSync(`${space.path}/.plan`)).toBe(false);
  });
});

describe('with a deployment that is ready and one that failed', () => {
  beforeAll(async () => {
    const up = await here('up', 'shop.yml');
    check(up, {
      code: 0,
      stderr:
        /verified in [^]*✔ shop is ready in [^]*web-0 {2}127\.[^]*Where the time went:[^]*Next: plan status shop\n/,
    });
    expect(up.stderr).not.toContain('hush-hush');
    const failed = await here('up', 'broken.yml');
    check(failed, {
      code: 1,
      stderr:
        /✘ Cannot bring "broken" up: 1 of 2 machines failed\n\n {2}bad-0 {2}bootstrap failed \(exit code 3\)[^]*\| about to fail\n {4}log: \.plan\/logs\/broken-[^]*Still running: 1 machine \(bad-0\)\nNext: plan up broken\.yml\n {6}plan logs bad-0 -d broken\n {6}plan down broken\n$/,
    });
  });

  it.each<[string, string[], Expected]>([
    [
      'status',
      ['status', 'shop'],
      {
        code: 0,
        stdout: /^shop {2}ready {2}shop\.yml\nup by [^]*web {2}2 of 2 ready\n {4}web-0 {2}ready {2}127\./,
      },
    ],
    ['status -d', ['status', '-d', 'shop'], { code: 0, stdout: /^shop/ }],
    [
      'status of what failed',
      ['status', 'broken'],
      { code: 1, stdout: /bad-0 +failed [^]*bootstrap failed: [^]*log: \.plan\/logs/ },
    ],
    [
      'status without a name',
      ['status'],
      { code: 2, stderr: /there are "broken", "shop"\nName one of them, as by -d broken/ },
    ],
    [
      'status of an unknown name',
      ['status', 'shpo'],
      { code: 2, stderr: /Cannot find deployment "shpo": there are/ },
    ],
    ['status of two names', ['status', 'shop', '-d', 'broken'], { code: 2, stderr: /both given/ }],
    [
      'list',
      ['list'],
      { code: 0, stdout: /^NAME +STATE +READY +AGE +PLAN\nbroken +failed +0\/2 [^\n]*\nshop +ready +3\/3 / },
    ],
    [
      'output',
      ['output', '-d', 'shop'],
      {
        code: 0,
        stdout: /^db-0\.provider=local\n[^]*db-0\.port=7070\ndb-0\.key=\*\*\*\n[^]*web-1\.hostname=127\./,
      },
    ],
    ['output of one value', ['output', 'db.port', '-d', 'shop'], { code: 0, stdout: /^7070\n$/ }],
    ['output of a sensitive value', ['output', 'db.key', '-d', 'shop'], { code: 0, stdout: /^\*\*\*\n$/ }],
    [
      'output --reveal',
      ['output', 'db.key', '-d', 'shop', '--reveal'],
      { code: 0, stdout: /^sesame-open\n$/ },
    ],
    [
      'output of many',
      ['output', 'web.index', '-d', 'shop'],
      { code: 0, stdout: /^web-0\.index=0\nweb-1\.index=1\n$/ },
    ],
    ['output of a machine', ['output', 'web-1.index', '-d', 'shop'], { code: 0, stdout: /^1\n$/ }],
    [
      'output of an unknown service',
      ['output', 'wbe', '-d', 'shop'],
      { code: 2, stderr: /Cannot find "wbe": "shop" has "db", "web"/ },
    ],
    [
      'output of an unknown attribute',
      ['output', 'db.prot', '-d', 'shop'],
      { code: 2, stderr: /Cannot find "db\.prot"/ },
    ],
    [
      'output of what has no machine',
      ['output', 'never', '-d', 'broken'],
      { code: 1, stderr: /it has no machine now/ },
    ],
    [
      'logs',
      ['logs', 'web-0', '-d', 'shop'],
      { code: 0, stdout: /^==> web-0 bootstrap <==\nweb uses 127[^]*\n==> web-0 verify <==\nchecked\n$/ },
    ],
    [
      'logs of one step',
      ['logs', 'web-0', '-d', 'shop', '--step', 'verify'],
      { code: 0, stdout: /^checked\n$/ },
    ],
    [
      'logs with a sensitive value',
      ['logs', 'db-0', '-d', 'shop'],
      { code: 0, stdout: /^db is up with \*\*\*\n$/ },
    ],
    [
      'logs --follow of what ended',
      ['logs', 'db-0', '-d', 'shop', '--follow'],
      { code: 0, stdout: /db is up/ },
    ],
    [
      'logs --follow --json',
      ['logs', 'db-0', '-d', 'shop', '--follow', '--json'],
      {
        code: 0,
        stdout: /^{"type":"version","format":1[^]*\n{"type":"log","machine":"db-0","step":"bootstrap"/,
      },
    ],
    ['logs of nothing', ['logs', 'never-0', '-d', 'broken'], { code: 0, stderr: /nothing was printed/ }],
    [
      'logs of an unknown machine',
      ['logs', 'web-9', '-d', 'shop'],
      { code: 2, stderr: /Cannot find machine "web-9"/ },
    ],
    [
      'logs of an unknown step',
      ['logs', 'web-0', '-d', 'shop', '--step', 'boot'],
      { code: 2, stderr: /bootstrap, verify, teardown/ },
    ],
    [
      'events',
      ['events', 'shop'],
      {
        code: 0,
        stdout:
          /Z {2}shop {2}created\n[^]*Z {2}web-1 {2}verified in [^]*shop {2}operation 1: up succeeded after [\d.]+s\n$/,
      },
    ],
    [
      'events --follow of what ended',
      ['events', 'shop', '--follow'],
      { code: 0, stdout: /up succeeded after [\d.]+s\n$/ },
    ],
    [
      'events --follow --json',
      ['events', 'shop', '--follow', '--json'],
      { code: 0, stdout: /^{"type":"version","format":1[^]*{"number":\d+,"type":"operation-ended"[^\n]*\n$/ },
    ],
    ['up again', ['up', 'shop.yml'], { code: 0, stderr: /"shop" is ready: there is nothing to do\.\n$/ }],
    ['up --quiet again', ['up', 'shop.yml', '--quiet'], { code: 0 }],
    [
      'up --dry-run of what is ready',
      ['up', 'shop.yml', '--dry-run'],
      { code: 0, stdout: /^No differences\n$/ },
    ],
    [
      'up --dry-run of fewer',
      ['up', 'shop.yml', '--dry-run', '--input', 'webs=1'],
      {
        code: 0,
        stdout: /^shop: would terminate 1 machine\nat the end\n {2}terminate web-1: the count is 1\n$/,
      },
    ],
    [
      'up that would terminate, without a terminal',
      ['up', 'shop.yml', '--input', 'webs=1'],
      { code: 2, stderr: / {2}terminate web-1: the count is 1\nCannot ask for confirmation/ },
    ],
    ['diff of what is ready', ['diff', 'shop.yml', '--exit-code'], { code: 0, stdout: /^No differences\n$/ }],
    [
      'diff of more',
      ['diff', 'shop.yml', '--exit-code', '--input', 'webs=4'],
      { code: 4, stdout: /^shop: would launch 2 machines\n[^]*launch web-2, web-3: the count was 2\n$/ },
    ],
    [
      'diff of a sensitive input',
      ['diff', 'shop.yml', '--input', 'token=swordfish'],
      { code: 0, stdout: /bootstrap again db-0: env TOKEN changed\n$/ },
    ],
    [
      'diff of what failed',
      ['diff', 'broken.yml'],
      {
        code: 0,
        stdout:
          /level 1 of 2: only\n {2}go on with bad-0: bootstrap failed\nlevel 2 of 2: above\n {2}launch never-0: it was not launched yet\n$/,
      },
    ],
    [
      'diff of another plan under a live name',
      ['diff', 'shop.yml', '--name', 'broken'],
      { code: 2, stderr: /it is live, and "broken\.yml" made it[^]*--adopt/ },
    ],
    [
      'up of another plan under a live name',
      ['up', 'shop.yml', '--name', 'broken'],
      { code: 2, stderr: /it is live, and "broken\.yml" made it[^]*--adopt/ },
    ],
    [
      'down without a terminal',
      ['down', 'shop'],
      {
        code: 2,
        stderr:
          /These machines of "shop" would be terminated:\n {2}app: web-0, web-1\n {2}data: db-0\nCannot ask for confirmation[^]*--yes/,
      },
    ],
    [
      'down of an unknown name',
      ['down', 'shop', 'shpo', '--yes'],
      { code: 2, stderr: /Cannot find deployment "shpo"/ },
    ],
    ['down of two names', ['down', 'shop', '-d', 'broken', '--yes'], { code: 2, stderr: /both given/ }],
  ])('%s', async (_, argv, expected) => {
    check(await here(...argv), expected);
  });

  it.each<[string[], number]>([
    [['status', 'shop'], 0],
    [['status', 'broken'], 1],
    [['list'], 0],
    [['output', '-d', 'shop'], 0],
    [['output', 'db.port', '-d', 'shop'], 0],
    [['logs', 'web-0', '-d', 'shop'], 0],
    [['events', 'shop'], 0],
    [['validate', 'shop.yml'], 0],
    [['diff', 'shop.yml'], 0],
    [['diff', 'shop.yml', '--input', 'token=swordfish'], 0],
  ])('%j --json prints one document of format 1', async (argv, code) => {
    const ran = await here(...argv, '--json');
    expect(ran).toMatchObject({ code, stderr: '' });
    expect(JSON.parse(ran.stdout)).toMatchObject({ format: 1 });
    expect(ran.stdout).not.toMatch(/sesame-open|hush-hush|swordfish/);
    expect((await plan(argv, { cwd: space.path, env: { PLAN_JSON: '1' } })).stdout).toBe(ran.stdout);
  });

  it('up --json prints JSON Lines, the first a version and the last a result, and text only about failures', async () => {
    const ran = await here('up', 'shop.yml', '--json', '--name', 'second');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const lines = jsonLines(ran.stdout);
    expect(lines[0]).toMatchObject({ type: 'version', format: 1, operation: 'up' });
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      outcome: 'succeeded',
      deployments: [{ deployment: 'second', state: 'ready', failures: [] }],
    });
    expect(lines.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['deployment-created', 'launch-answered', 'step-succeeded']),
    );
    expect(ran.stdout).not.toMatch(/sesame-open|hush-hush/);

    const failed = await here('up', 'broken.yml', '--json');
    check(failed, {
      code: 1,
      stdout: /\n{"type":"result","outcome":"failed"[^\n]*"machine":"bad-0","step":"bootstrap"[^\n]*\n$/,
      stderr: /✘ Cannot bring "broken" up/,
    });

    const wrong = await here('up', 'wrong.yml', '--json');
    check(wrong, {
      code: 2,
      stdout: /^{"type":"version"[^\n]*\n{"type":"result","outcome":"failed"[^\n]*\n$/,
      stderr: /levles/,
    });

    const down = await here('down', 'second', '--json', '--yes');
    expect(down).toMatchObject({ code: 0, stderr: '' });
    expect(jsonLines(down.stdout).at(-1)).toMatchObject({
      type: 'result',
      outcome: 'succeeded',
      operation: 'down',
      deployments: [{ state: 'terminated' }],
    });
  });

  it('down asks at a terminal, and takes only yes for yes', async () => {
    const terminal = { columns: 80, rows: 24 };
    const refused = await plan(['down', 'shop', '--progress', 'plain'], {
      cwd: space.path,
      terminal,
      typed: 'no\n',
    });
    check(refused, { code: 2, stderr: /Terminate 3 machines\? \[y\/N\] Nothing was touched/ });
    const closed = await plan(['down', 'shop', '--progress', 'plain'], {
      cwd: space.path,
      terminal,
      typed: '',
    });
    check(closed, { code: 2, stderr: /Nothing was touched/ });
    const never = await plan(['down', 'shop', '--no-input'], { cwd: space.path, terminal });
    check(never, { code: 2, stderr: /Cannot ask for confirmation/ });
    const agreed = await plan(['down', 'shop', '--progress', 'plain'], {
      cwd: space.path,
      terminal,
      typed: 'yes\n',
    });
    check(agreed, { code: 0, stderr: /"shop" is terminated\.\n$/ });
    check(await here('down', 'shop'), {
      code: 0,
      stderr: /"shop" is terminated already: there is nothing to do\.\n$/,
    });
    check(await here('status', 'shop'), { code: 1, stdout: /^shop {2}terminated/ });
    check(await here('up', 'shop.yml', '--dry-run'), { code: 0, stdout: /would launch 3 machines/ });
  });

  it('is interrupted at its question and touches nothing', async () => {
    const ran = await plan(['down', 'broken', '--progress', 'plain'], {
      cwd: space.path,
      terminal: { columns: 80, rows: 24 },
      onStderr: (text, send) => text.includes('[y/N]') && send('SIGINT'),
    });
    check(ran, { code: 130, stderr: /\[y\/N\] \r?\nInterrupted: nothing was touched\.\n$/ });
  });

  it('follows until it is interrupted, or the operation ends', async () => {
    const up = plan(['up', 'slow.yml', '-v', '--progress', 'tty'], {
      cwd: space.path,
      terminal: { columns: 80, rows: 24 },
      onStderr: (text, send) => text.includes('slow now') && send('SIGINT'),
    });
    const events = up.then(() => here('events', 'slow', '--follow'));
    expect((await up).code).toBe(130);
    expect((await up).stderr).toContain('Interrupting: ');
    check(await events, { code: 0, stdout: /slow {2}operation 1: up interrupted after [\d.]+s\n$/ });
    check(await here('down', 'slow', '--yes', '--progress', 'json'), {
      code: 0,
      stderr: /^{"type":"version"[^]*{"type":"result"[^\n]*\n$/,
    });
  });

  it('down takes the only deployment that is live', async () => {
    check(await here('down', '--yes', '--skip-teardown'), { code: 0, stderr: /"broken" is terminated\.\n$/ });
  });
});
