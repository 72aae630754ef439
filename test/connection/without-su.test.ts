import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openConnection } from '../../src/connection/open.ts';
import { createScriptRunner } from '../../src/connection/shell-script-runner.ts';
import { sshdMissing } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import { collector, scriptRun } from './script-fixture.ts';

const never = new AbortController().signal;
const missing = sshdMissing() ?? (existsSync('/bin/busybox') ? undefined : 'there is no busybox here');

it.skipIf(missing !== undefined)(
  `a script of root finds the work directory of a user whose home cannot be written to where there is sudo alone${missing ? `: ${missing}` : ''}`,
  async () => {
    await using world = await startWorld({
      users: [{ name: 'ann', uid: 47_341, sudo: true }],
      environment: 'PATH=/mnt',
      mounts: `
echo 'root ALL=(ALL:ALL) NOPASSWD: ALL' >>sudoers
mkdir vartmp
chmod 1777 vartmp
mount --bind vartmp /var/tmp
mount --bind home-ann home-ann
mount -o remount,bind,ro home-ann
mount -t tmpfs tmpfs /mnt
busybox --install -s /mnt
rm -f /mnt/su
ln -s "$(command -v sudo)" /mnt/sudo`,
    });
    await using connection = await openConnection(world.accessOf('ann'), {
      signal: never,
      onHostKey: () => undefined,
    });
    const output = collector();
    const run = scriptRun('command -v su; pwd; id -u', { base: '.plan/one', asRoot: true });
    const end = await createScriptRunner({ shell: ['sh'] }).run(connection, run, {
      signal: never,
      onOutput: output.onOutput,
    });
    expect([end.kind, output.text()]).toEqual(['exited', '/var/tmp/launch-plan-47341/.plan/one/work\n0\n']);
  },
);
