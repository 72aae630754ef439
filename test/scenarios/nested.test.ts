import { expect, it } from 'vitest';
import { isGone } from '../support/processes.ts';
import { scenario } from './scenario.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

it.runIf(process.platform === 'linux')(
  'down ends the machines that a machine brought up itself',
  async () => {
    const space = await scenario({
      'inner.yml': `
version: 1
name: inner
levels:
  - name: only
    services:
      web: { count: 2, bootstrap: { run: 'nohup sleep 600 >/dev/null 2>&1 & echo $! >port; echo "pid=$!" >>"$PLAN_OUTPUT"' }, outputs: [pid] }
`,
    });
    await space.plan(
      'outer',
      `
levels:
  - name: only
    services:
      operator:
        files: [{ source: inner.yml, target: inner.yml }]
        bootstrap:
          run: |
            "$1" "$2" up inner.yml --state-dir state
            "$1" "$2" output web.pid --state-dir state | cut -d= -f2 >"$SHARED/pids"
            sed 's/.*"pid":\\([0-9]*\\).*/\\1/' state/machines/host.json >>"$SHARED/pids"
          args: [${JSON.stringify(process.execPath)}, ${JSON.stringify(MAIN)}]
`,
    );
    const up = await space.run(['up', 'outer.yml']);
    expect(up.stderr).toMatch(/✔ outer is ready/);
    const pids = space.told('pids').map(Number);
    expect(pids).toHaveLength(3);
    expect(pids.filter(isGone)).toEqual([]);
    expect(await space.run(['down', '--yes'])).toMatchObject({ code: 0 });
    expect(pids.filter((pid) => !isGone(pid))).toEqual([]);
  },
);
