import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sshdMissing } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import { scenario } from './scenario.ts';

const missing = sshdMissing();

function contents(directory: string): string {
  return readdirSync(directory, { recursive: true })
    .map((name) => join(directory, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}

it.skipIf(missing !== undefined)(
  `a password lets in, is kept nowhere, and is told to nobody${missing ? `: ${missing}` : ''}`,
  async () => {
    const space = await scenario();
    await using world = await startWorld({
      users: [{ name: 'ann', uid: 47_311, password: 'open sesame' }],
      address: '0.0.0.0',
    });
    await space.write(
      'word.yml',
      `version: 1
name: word
inputs:
  word: { sensitive: true }
providers:
  pool: { type: hosts, hosts: [ { address: 127.0.3.1, port: ${world.access.port}, user: ann } ] }
levels:
  - name: all
    services:
      web:
        provider: pool
        ssh: { hostKey: pinFirst, agent: false, password: "{{inputs.word}}" }
        timeouts: { connect: 1m }
        bootstrap: { run: 'echo fine' }
`,
    );
    const up = await space.run(['up', 'word.yml', '--input', 'word=open sesame']);
    expect(up.code, up.stderr).toBe(0);
    expect(contents(space.stateDirectory)).not.toContain('open sesame');
    expect(`${up.stdout}${up.stderr}`).not.toContain('open sesame');
    const down = await space.run(['down', '--yes', 'word', '--input', 'word=open sesame']);
    expect(down.code, down.stderr).toBe(0);

    const startedAt = Date.now();
    const wrong = await space.run(['up', 'word.yml', '--input', 'word=wrong']);
    expect(wrong.code).toBe(1);
    // Nobody waits for a server that said no: the limit is a minute.
    expect(Date.now() - startedAt).toBeLessThan(30_000);
    expect(`${wrong.stdout}${wrong.stderr}`).toMatch(
      /as "ann": .*the password was refused|and the password were refused/,
    );
    await space.run(['down', '--yes', '--skip-teardown', 'word']);
  },
  90_000,
);
