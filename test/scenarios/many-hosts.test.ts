import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keyOf } from '../support/ssh-access.ts';
import { sshdMissing } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import { scenario } from './scenario.ts';

const missing = sshdMissing();
const COUNT = 100;

it.skipIf(missing !== undefined)(
  `a hundred hosts behind one sshd with its default MaxStartups come up and go down without a failure${missing ? `: ${missing}` : ''}`,
  async () => {
    const space = await scenario();
    await using world = await startWorld({
      users: [{ name: 'ann', uid: 47_321 }],
      config: ['MaxStartups 10:30:100', 'MaxSessions 10'],
      address: '0.0.0.0',
    });
    const { port } = world.access;
    const inventory = Array.from({ length: COUNT }, (_, i) => `ann@127.0.5.${i + 1}:${port}`);
    await space.write('inventory.json', JSON.stringify(inventory));
    await space.write(
      'many.yml',
      `version: 1
name: many
providers:
  pool: { type: hosts, inventory: inventory.json }
defaults:
  provider: pool
  ssh: { privateKey: ${JSON.stringify(keyOf(world.access))}, hostKey: pinFirst }
  attempts: { launch: 1, bootstrap: 1 }
levels:
  - name: hosts
    services:
      host:
        count: ${COUNT}
        bootstrap: { run: 'echo "who=$PLAN_MACHINE on $PLAN_HOSTNAME" >>"$PLAN_OUTPUT"; : >ready' }
        verify: { run: 'test -e ready && test "$(id -un)" = ann' }
        teardown: { run: 'rm ready' }
        outputs: [who]
  - name: check
    services:
      smoke:
        provider: operator
        ssh: null
        env: { WHO: "{{join services.host.all.who ','}}" }
        verify: { run: 'test "$(echo "$WHO" | tr , "\\n" | sort -u | wc -l)" -eq ${COUNT}', timeout: 5s }
`,
    );
    const up = await space.run(['up', 'many.yml']);
    expect(up.code, up.stderr).toBe(0);
    const machines = [...(await space.machines('many')).values()];
    expect(machines.filter(({ state }) => state !== 'ready')).toEqual([]);
    expect(new Set(machines.map(({ address }) => address)).size).toBe(COUNT + 1);
    for (const { attempts } of machines) expect(attempts).toEqual({ launch: 1, bootstrap: 1 });
    const log = await world.log();
    expect(log).not.toMatch(/MaxStartups|no more sessions|drop connection/);
    const down = await space.run(['down', '--yes', 'many']);
    expect(down.code, down.stderr).toBe(0);
    expect(existsSync(join(world.place, 'home-ann/.plan'))).toBe(false);
  },
  90_000,
);
