import { expect, it } from 'vitest';
import { isGone } from '../support/processes.ts';
import { scenario } from './scenario.ts';

/** Leaves services behind in every way in which a process can get away from whoever started it. */
const DAEMONS = `#!/bin/sh
set -eu
pids=$SHARED/$PLAN_DEPLOYMENT
nohup sleep 600 >/dev/null 2>&1 &
echo "nohup $!" >>"$pids"
setsid sh -c 'echo "setsid $$" >>"$0"; exec sleep 600' "$pids" >/dev/null 2>&1 &
(setsid sh -c '(echo "double-fork $(exec sh -c "echo \\$PPID")" >>"$0"; exec sleep 600) & ' "$pids" >/dev/null 2>&1 &)
env -i /bin/sh -c 'cd /; echo "env-i $$" >>"$0"; trap "" HUP TERM INT; sleep 600 & wait' "$pids" >/dev/null 2>&1 &
node -e '
  process.title = "innocent";
  process.on("SIGTERM", () => {});
  require("node:fs").appendFileSync(process.argv[1], "title " + process.pid + "\\n");
  setInterval(() => {}, 1000);
' "$pids" >/dev/null 2>&1 &
perl -e '
  use POSIX;
  exit if fork; setsid(); exit if fork; chdir "/"; %ENV = (); $0 = "[kworker/0:1]";
  open(my $out, ">>", $ARGV[0]); print $out "perl $$\\n"; close $out;
  close STDIN; close STDOUT; close STDERR;
  sleep 600;
' "$pids"
tries=0
until [ "$(wc -l <"$pids")" -ge "$((6 * $PLAN_COUNT))" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 400 ]
  sleep 0.05
done
`;

it.runIf(process.platform === 'linux')(
  'down ends services that daemonised, and touches none of another deployment',
  async () => {
    const space = await scenario({ 'daemons.sh': DAEMONS });
    for (const name of ['one', 'other'])
      await space.plan(
        name,
        `levels: [{ name: only, services: { web: { count: 2, bootstrap: daemons.sh } } }]\n`,
      );
    for (const name of ['one', 'other'])
      expect(await space.run(['up', `${name}.yml`])).toMatchObject({ code: 0 });
    const [one, other] = [pidsOf('one'), pidsOf('other')];
    const kinds = ['double-fork', 'env-i', 'nohup', 'perl', 'setsid', 'title'];
    expect(one.map(({ kind }) => kind)).toEqual(kinds.flatMap((kind) => [kind, kind]));
    expect([...one, ...other].filter(({ pid }) => isGone(pid))).toEqual([]);

    expect(await space.run(['down', 'one', '--yes'])).toMatchObject({ code: 0 });
    expect(one.filter(({ pid }) => !isGone(pid))).toEqual([]);
    expect(other.filter(({ pid }) => isGone(pid))).toEqual([]);

    expect(await space.run(['down', 'other', '--yes'])).toMatchObject({ code: 0 });
    expect(other.filter(({ pid }) => !isGone(pid))).toEqual([]);

    function pidsOf(name: string) {
      return space
        .told(name)
        .map((line) => line.split(' '))
        .map(([kind, pid]) => ({ kind, pid: Number(pid) }))
        .toSorted((a, b) => String(a.kind).localeCompare(String(b.kind)));
    }
  },
);
