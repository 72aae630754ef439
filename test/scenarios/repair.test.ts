import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scenario, states } from './scenario.ts';

it('verify and status --refresh tell what is true, and repair heals it by the least that works', async () => {
  const space = await scenario();
  await space.plan(
    'kept',
    `
levels:
  - name: data
    services:
      db:
        bootstrap: { run: 'echo alive >"$SHARED/db"; echo db >>"$SHARED/bootstraps"' }
        verify: { run: '[ -s "$SHARED/db" ]', interval: 50ms, timeout: 1s }
  - name: app
    services:
      web:
        count: 2
        env: { DB: "{{services.db.hostname}}" }
        bootstrap: { run: 'echo "$DB" >db; echo web >>"$SHARED/bootstraps"' }
`,
  );
  expect(await space.run(['up', 'kept.yml'])).toMatchObject({ code: 0 });
  expect(await space.run(['verify', 'kept'])).toMatchObject({ code: 0, stdout: '✔ 3 machines verified\n' });
  const before = await space.machines('kept');

  rmSync(join(space.shared, 'db'));
  const verify = await space.run(['verify', 'kept']);
  expect(verify.code).toBe(1);
  expect(verify.stdout).toMatch(
    /^✘ db-0 {2}verify: Verify "run" did not pass within 1s[^]*1 of 3 machines did not pass\n$/,
  );
  const refreshed = await space.run(['status', 'kept', '--refresh', '--json']);
  expect(refreshed.code).toBe(1);
  expect(refreshed.stdout).toMatch(/"name": "db-0",[^]*?"state": "failed"/);
  expect(states(await space.status('kept'))).toEqual(['db-0 ready', 'web-0 ready', 'web-1 ready']);

  expect(await space.run(['repair', 'kept'])).toMatchObject({ code: 2 });
  expect(await space.run(['repair', 'kept', '--yes'])).toMatchObject({ code: 0 });
  expect(space.told('bootstraps')).toEqual(['db', 'web', 'web', 'db']);
  const after = await space.machines('kept');
  expect([...after.values()].map(({ id }) => id)).toEqual([...before.values()].map(({ id }) => id));
  expect(await space.run(['verify', 'kept'])).toMatchObject({ code: 0 });
});

it('repair replaces what neither a bootstrap nor a reboot heals, and tells those that depend on it', async () => {
  const space = await scenario();
  await space.plan(
    'lost',
    `
levels:
  - name: data
    services:
      db:
        bootstrap: { run: 'echo "$PLAN_HOSTNAME" >>"$SHARED/dbs"' }
        verify: { run: '! grep -qx "$PLAN_HOSTNAME" "$SHARED/broken"', interval: 50ms, timeout: 500ms }
  - name: app
    services:
      web: { env: { DB: "{{services.db.hostname}}" }, bootstrap: { run: 'echo "$DB" >>"$SHARED/webs"' } }
`,
  );
  writeFileSync(join(space.shared, 'broken'), '');
  expect(await space.run(['up', 'lost.yml'])).toMatchObject({ code: 0 });
  const first = (await space.machines('lost')).get('db-0');
  writeFileSync(join(space.shared, 'broken'), `${first?.hostname ?? ''}\n`);
  expect(await space.run(['repair', 'lost', '--yes'])).toMatchObject({ code: 0 });
  const second = (await space.machines('lost')).get('db-0');
  expect(second?.hostname).not.toBe(first?.hostname);
  expect(space.told('webs')).toEqual([first?.hostname, second?.hostname]);
});
