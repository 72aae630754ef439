import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { randomAccount } from '../support/ec2/endpoint.ts';
import { cloudScenario, onMachines } from './cloud-scenario.ts';

const PASSWORD = 'p4ssw0rd-of-the-user-data';

const LEVELS = `
levels:
  - name: one
    services:
      web:
        count: 2
        ec2:
          userData: |
            #cloud-config
            write_files:
              - { path: /root/password, content: "{{inputs.password}}", permissions: "0600" }
        bootstrap: { run: 'sudo -n test -s /root/password' }
`;

function* filesOf(directory: string): Generator<string> {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) yield* filesOf(path);
    else yield path;
  }
}

onMachines(
  'no credential and no secret of user data is written or printed, whatever the command',
  async () => {
    const account = { ...randomAccount('123456789012'), sessionToken: 'session-token-that-nobody-may-see' };
    const space = await cloudScenario({ accounts: [account] });
    const file = await space.plan('secret', LEVELS);
    const text = readFileSync(join(space.path, file), 'utf8');
    await space.write(
      file,
      text.replace('inputs:\n', 'inputs:\n  password: { env: PASSWORD, sensitive: true }\n'),
    );
    const env = { PASSWORD };
    const printed: string[] = [];
    const run = async (...argv: readonly string[]): Promise<number> => {
      const ran = await space.run(argv, { env });
      printed.push(ran.stdout, ran.stderr);
      return ran.code;
    };
    expect(await run('up', file, '-v')).toBe(0);
    for (const id of space.alive())
      expect(readFileSync(space.fleet.file(id, '/root/password'), 'utf8')).toBe(PASSWORD);
    expect(await run('up', file, '-v', '--json')).toBe(0);
    expect(await run('diff', file)).toBe(0);
    for (const command of ['status', 'events', 'output', 'verify']) expect(await run(command, '-v')).toBe(0);
    expect(await run('status', '--json', '--refresh')).toBe(0);
    expect(await run('events', '--json')).toBe(0);
    expect(await run('gc', file, '--json')).toBe(0);
    space.endpoint.expire();
    expect(await run('verify', '-v')).toBe(1);
    space.endpoint.expire(false);
    space.endpoint.end(space.alive()[0] ?? '');
    expect(await run('repair', '--yes', '-v')).toBe(0);
    expect(await run('down', '--yes', '-v')).toBe(0);

    const kept = [...filesOf(space.stateDirectory)].map((path) => readFileSync(path, 'latin1'));
    const everything = [...printed, ...kept].join('\n');
    expect(everything.length).toBeGreaterThan(10_000);
    for (const secret of [account.secretAccessKey, account.sessionToken, PASSWORD]) {
      expect(everything).not.toContain(secret);
      expect(everything).not.toContain(
        Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -2),
      );
    }
  },
);
