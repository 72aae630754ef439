import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ran } from '../cli/command.ts';
import type { Scenario } from './scenario.ts';
import { logOf, openScenario } from './scenario.ts';

const INPUT = 'an input: $nobody `may` see "me"';

/** Makes a token and a key of several lines up, and prints the token, once whole, once in pieces. */
const ISSUE = `#!/bin/sh
set -eu
random() { od -An -N12 -tx1 /dev/urandom | tr -d ' \\n'; }
token=tok-$(random)
pem=$(printf '%s\\n' '-----BEGIN KEY-----' "$(random)" "$(random)" '-----END KEY-----')
if [ "$PRINTS" = true ]; then
  echo "made $token just now, with $KEY"
  printf '%s' "\${token%????????}"; sleep 0.05; printf '%s\\n' "\${token#"\${token%????????}"}"
fi
printf 'token=%s\\n' "$token" >>"$PLAN_OUTPUT"
printf 'pem<<END\\n%s\\nEND\\n' "$pem" >>"$PLAN_OUTPUT"
printf '%s' "$token" >"$SHARED/token"
printf '%s' "$pem" >"$SHARED/pem"
`;

/** Prints secrets inside a line, in pieces that come one by one, and over several lines. */
const PRINT = `#!/bin/sh
echo "before $TOKEN after, and $KEY, and $TOKEN$TOKEN"
printf 'pieces '; printf '%s' "\${TOKEN%????????}"; sleep 0.05; printf '%s' "\${TOKEN#"\${TOKEN%????????}"}"; sleep 0.05; echo ' end'
printf 'key '; printf '%s' "\${KEY%????????}"; sleep 0.05; printf '%s' "\${KEY#"\${KEY%????????}"}"; echo ' end'
echo "pem:"
echo "$PEM"
echo "to stderr $TOKEN" >&2
`;

const LEVELS = `
inputs:
  key: { sensitive: true, env: THE_KEY }
  prints: { default: true }
levels:
  - name: issue
    services:
      issuer:
        env: { PRINTS: "{{inputs.prints}}", KEY: "{{inputs.key}}" }
        bootstrap: issue.sh
        outputs: { token: { sensitive: true }, pem: { sensitive: true }, pair: { value: "key={{inputs.key}}", sensitive: true } }
  - name: use
    services:
      user:
        env: { TOKEN: "{{services.issuer.token}}", KEY: "{{inputs.key}}", PEM: "{{services.issuer.pem}}", PAIR: "{{services.issuer.pair}}" }
        files: [{ content: "{{services.issuer.token}}\\n{{inputs.key}}\\n", target: secret.conf }]
        bootstrap: { script: print.sh, args: ["{{services.issuer.token}}"] }
        verify: { script: print.sh, interval: 50ms }
        teardown: print.sh
  - name: fail
    services:
      failing:
        env: { TOKEN: "{{services.issuer.token}}", KEY: "{{inputs.key}}", PEM: "{{services.issuer.pem}}" }
        verify: { run: 'echo "refused $TOKEN"; echo "$KEY"; echo "$PEM"; exit 9', fatalExitCodes: [9] }
`;

let space: Scenario;
let token: string;
let pem: readonly string[];
/** What every command printed. */
const printed: Ran[] = [];

async function here(argv: readonly string[]): Promise<Ran> {
  const ran = await space.run(argv, { env: { THE_KEY: INPUT } });
  printed.push(ran);
  return ran;
}

function readSecrets(): void {
  token = readFileSync(join(space.shared, 'token'), 'utf8');
  pem = readFileSync(join(space.shared, 'pem'), 'utf8').split('\n');
}

/** Every line that nobody may see. */
function secrets(): readonly string[] {
  return [token, INPUT, ...pem.slice(1, 3)];
}

/** Every file of the state directory that is no machine's, and what is clear in it. */
function leaks(): readonly string[] {
  return readdirSync(space.stateDirectory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(space.stateDirectory, 'machines') + sep))
    .flatMap((path) => {
      const bytes = readFileSync(path);
      return secrets()
        .filter((secret) => bytes.includes(secret))
        .map((secret) => `${path}: ${secret}`);
    });
}

function expectNothingPrinted(): void {
  for (const { stdout, stderr } of printed)
    for (const secret of secrets()) expect(stdout + stderr).not.toContain(secret);
}

beforeAll(async () => {
  space = await openScenario({ 'issue.sh': ISSUE, 'print.sh': PRINT });
  await space.plan('secrets', LEVELS);
  await here(['up', 'secrets.yml']);
  readSecrets();
});

afterAll(async () => {
  await space[Symbol.asyncDispose]();
});

describe('sensitive inputs and outputs', () => {
  it('reach the machines that are meant to have them', async () => {
    const { id } = (await space.machines('secrets')).get('user-0') ?? {};
    const home = join(space.stateDirectory, 'machines', id ?? '');
    const conf = readdirSync(home, { recursive: true, encoding: 'utf8' }).find((path) =>
      path.endsWith('secret.conf'),
    );
    expect(readFileSync(join(home, conf ?? ''), 'utf8')).toBe(`${token}\n${INPUT}\n`);
    expect(token).toMatch(/^tok-[0-9a-f]{24}$/);
  });

  it('are in no file of the state directory while the deployment is up', async () => {
    expect(readdirSync(space.stateDirectory)).toEqual(expect.arrayContaining(['state.db', 'keys', 'logs']));
    expect(leaks()).toEqual([]);
    // A reader keeps the write-ahead log from being folded into the database.
    const { openSqliteStore } = await import('../../src/state/sqlite-store.ts');
    await using store = await openSqliteStore(space.stateDirectory);
    await store.load('secrets');
    await here(['up', 'secrets.yml']);
    expect(leaks()).toEqual([]);
  });

  it('are masked wherever in a line and however slowly they were printed', async () => {
    const lines = `before *** after, and ***, and ******\npieces *** end\nkey *** end\npem:\n***\nto stderr ***\n`;
    expect(await logOf(space, 'secrets', 'user-0', 'bootstrap')).toBe(lines);
    expect(await logOf(space, 'secrets', 'user-0', 'verify')).toBe(lines);
    expect(await logOf(space, 'secrets', 'issuer-0', 'bootstrap')).toBe('made *** just now, with ***\n***\n');
    expect((await space.machines('secrets')).get('failing-0')?.failure).toMatchObject({
      reason: 'fatal-exit',
      exitCode: 9,
      logTail: ['refused ***', '***', '***'],
    });
  });

  it('are printed by no command, but by output --reveal', async () => {
    for (const argv of [
      ['up', 'secrets.yml', '-v'],
      ['up', 'secrets.yml', '--json'],
      ['up', 'secrets.yml', '--dry-run', '--json'],
      ['status', 'secrets'],
      ['status', 'secrets', '--json'],
      ['list', '--json'],
      ['output', '-d', 'secrets'],
      ['output', '-d', 'secrets', '--json'],
      ['output', 'issuer.token', '-d', 'secrets'],
      ['events', 'secrets'],
      ['events', 'secrets', '--json'],
      ['logs', 'issuer-0', '-d', 'secrets'],
      ['logs', 'user-0', '-d', 'secrets', '--json'],
      ['logs', 'failing-0', '-d', 'secrets', '--follow'],
    ])
      await here(argv);
    expectNothingPrinted();
    expect(printed.map(({ stdout, stderr }) => stdout + stderr).join('')).toContain('***');
    expect((await space.run(['output', 'issuer.token', '-d', 'secrets', '--reveal'])).stdout).toBe(
      `${token}\n`,
    );
    expect((await space.run(['output', 'issuer.pem', '-d', 'secrets', '--reveal'])).stdout).toBe(
      `${pem.join('\n')}\n`,
    );
    expect((await space.run(['output', 'issuer.pair', '-d', 'secrets', '--reveal'])).stdout).toBe(
      `key=${INPUT}\n`,
    );
  });

  it('are masked in output that is shown live', async () => {
    const loud = await here(['up', 'secrets.yml', '--name', 'loud', '--input', 'prints=false', '-v']);
    readSecrets();
    expect(loud.stderr).toMatch(/before \*\*\* after, and \*\*\*, and \*\*\*\*\*\*\n/);
    expect(loud.stderr).toContain('pieces *** end');
    expectNothingPrinted();
    expect(leaks()).toEqual([]);
  });

  it('must be given again where a teardown uses them, and leave nothing behind', async () => {
    const without = await space.run(['down', 'loud', '--yes']);
    expect(without.code).toBe(2);
    expect(without.stderr).toMatch(/"?key"?[^]*Nothing was touched/);
    const down = await here(['down', 'loud', '--yes', '-v', '--json']);
    expect(down.code).toBe(0);
    expect(await logOf(space, 'loud', 'user-0', 'teardown')).toContain('before *** after');
    expectNothingPrinted();
    expect(leaks()).toEqual([]);
  });
});
