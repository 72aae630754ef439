import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { scenario } from '../../scenarios/scenario.ts';
import { keyOf } from '../../support/ssh-access.ts';
import { sshdMissing } from '../../support/sshd.ts';
import { startWorld } from '../../support/sshd-world.ts';

const missing = sshdMissing();

it.skipIf(missing !== undefined)(
  `hosts that are given back are as they were, for root and for others${missing ? `: ${missing}` : ''}`,
  async () => {
    const space = await scenario();
    await using world = await startWorld({
      users: [
        { name: 'root', uid: 0 },
        { name: 'ann', uid: 47_501 },
        { name: 'ben', uid: 47_502 },
      ],
      address: '0.0.0.0',
      // What others have put there stays.
      mounts: `mkdir -p home-ben/.launch-plan/other && chown -R 47502 home-ben/.launch-plan
mkdir temporary
chmod 1777 temporary
mount --bind temporary /var/tmp`,
    });
    const files = (): readonly string[] =>
      readdirSync(world.place, { recursive: true, encoding: 'utf8' }).toSorted();
    const before = files();
    const { port } = world.access;
    const hosts = ['root', 'ann', 'ben'].map(
      (user, i) => `{ address: 127.0.8.${i + 1}, port: ${port}, user: ${user} }`,
    );
    await space.write(
      'guests.yml',
      `version: 1
name: guests
providers:
  pool: { type: hosts, hosts: [ ${hosts.join(', ')} ] }
levels:
  - name: all
    services:
      web:
        provider: pool
        count: 3
        ssh: { hostKey: pinFirst, agent: false, privateKey: ${JSON.stringify(keyOf(world.access))} }
        files: [ { content: x, target: deep/er/file } ]
        bootstrap: { run: 'mkdir made; echo y >made/file; echo at="$PWD" >>"$PLAN_OUTPUT"' }
        verify: { run: '[ -s deep/er/file ]', timeout: 20s }
        teardown: { run: 'echo z >torn' }
        outputs: [at]
`,
    );
    const up = await space.run(['up', 'guests.yml']);
    expect(up.code, up.stderr).toBe(0);
    const during = files();
    for (const user of ['root', 'ann', 'ben'])
      expect(during).toContainEqual(expect.stringMatching(`^home-${user}/.*/made/file$`));
    const down = await space.run(['down', '--yes', 'guests']);
    expect(down.code, down.stderr).toBe(0);
    expect(files()).toEqual(before);
  },
  60_000,
);
