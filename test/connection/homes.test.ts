import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { openConnection } from '../../src/connection/open.ts';
import type { ScriptRun } from '../../src/connection/script-runner.ts';
import { createScriptRunner } from '../../src/connection/shell-script-runner.ts';
import { sshdMissing } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import type { World, WorldUser } from '../support/sshd-world.ts';
import { collector, script, scriptRun } from './script-fixture.ts';

const never = new AbortController().signal;
const missing = sshdMissing();
const KINDS = ['fine', 'readonly', 'noexec', 'missing', 'full'] as const;
type Kind = (typeof KINDS)[number];

function found(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, name)));
}

interface Userland {
  readonly name: string;
  readonly login: string;
  readonly shell: readonly string[];
  readonly busybox?: boolean;
}
const userlands: readonly Userland[] = [
  { name: 'dash and GNU', login: '/bin/dash', shell: ['dash'] },
  { name: 'bash and GNU', login: '/bin/bash', shell: ['bash', '--posix'] },
  { name: 'busybox', login: '/mnt/sh', shell: ['sh'], busybox: true },
].filter(({ busybox }) => busybox !== true || found('busybox'));

/** The applets of busybox instead of all else, which is its shell for `/bin/sh` too, and what changes users. */
const APPLETS = `
mount -t tmpfs tmpfs /mnt
busybox --install -s /mnt
ln -sf "$(command -v sudo)" /mnt/sudo
[ -e /mnt/su ] || ln -s "$(command -v su)" /mnt/su
mount --bind "$(command -v busybox)" /bin/sh`;

describe.skipIf(missing !== undefined).each(userlands)(
  `homes of all kinds under $name${missing ? `: ${missing}` : ''}`,
  (userland) => {
    let world: World;
    const runner = createScriptRunner({ shell: userland.shell });
    const opened: Connection[] = [];

    /** Ann logs in and may become anybody, web is whom she becomes; root is a user with the uid of root. */
    beforeAll(async () => {
      const users = KINDS.flatMap((kind, i): readonly WorldUser[] => {
        const home = kind === 'missing' ? null : `${kind}-ann`;
        const root = kind === 'missing' ? null : `${kind}-root`;
        const shell = userland.login;
        return [
          { name: `${kind}-ann`, uid: 47_100 + i, home, shell, sudo: true },
          { name: `${kind}-web`, uid: 47_200 + i, home: kind === 'missing' ? null : `${kind}-web`, shell },
          { name: `${kind}-root`, uid: 0, home: root, shell },
        ];
      });
      world = await startWorld({
        users,
        ...(userland.busybox && { environment: 'PATH=/mnt' }),
        mounts: `
mkdir vartmp
chmod 1777 vartmp
mount -t tmpfs -o mode=0700 tmpfs /root
mount --bind vartmp /var/tmp
for who in ann web root; do
  mount --bind readonly-$who readonly-$who
  mount -o remount,bind,ro readonly-$who
  mount --bind noexec-$who noexec-$who
  mount -o remount,bind,noexec noexec-$who
  mount -t tmpfs -o size=64k,mode=0777 tmpfs full-$who
  dd if=/dev/zero of=full-$who/filler bs=1k count=65 2>/dev/null || :
done
${userland.busybox === true ? APPLETS : ''}`,
      });
    });
    afterAll(async () => {
      for (const connection of opened) await connection[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    });

    async function open(user: string): Promise<Connection> {
      const options = { signal: never, onHostKey: () => undefined };
      const connection = await openConnection(world.accessOf(user), options);
      opened.push(connection);
      return connection;
    }
    async function run(connection: Connection, given: ScriptRun) {
      const output = collector();
      const end = await runner.run(connection, given, { signal: never, onOutput: output.onOutput });
      return { end, log: output.text() };
    }
    function homeOf(user: string): string {
      const kind = user.split('-')[0] as Kind;
      return join(world.place, kind === 'missing' ? 'nowhere' : user);
    }
    /** Where the files of a run are that this user starts, as he sees it. */
    function rootOf(user: string): string {
      const [kind, who] = user.split('-');
      const uid = who === 'root' ? 0 : (who === 'ann' ? 47_100 : 47_200) + KINDS.indexOf(kind as Kind);
      return kind === 'readonly' || kind === 'missing' ? `/var/tmp/launch-plan-${uid}` : homeOf(user);
    }

    const all = KINDS.filter((kind) => kind !== 'full').flatMap((kind) => [
      { login: `${kind}-ann`, user: null, asRoot: false },
      { login: `${kind}-ann`, user: `${kind}-web`, asRoot: false },
      { login: `${kind}-ann`, user: null, asRoot: true },
      { login: `${kind}-root`, user: null, asRoot: false },
      { login: `${kind}-root`, user: `${kind}-web`, asRoot: false },
      { login: `${kind}-root`, user: `${kind}-web`, asRoot: true },
    ]);

    const whos = userland.login === '/bin/bash' ? all.filter((_, i) => i % 5 === 0) : all;

    it.each(whos)('runs scripts for $login as $user, root: $asRoot', async ({ login, user, asRoot }) => {
      const owner = user ?? login;
      const base = `.plan/${owner}${asRoot ? '-by-root' : ''}`;
      const work = `${rootOf(owner)}/${base}/work`;
      const files = [
        { path: 'conf/small', mode: 0o640, bytes: Buffer.from('small') },
        { path: 'large', mode: 0o600, bytes: Buffer.alloc(200_000, 'x') },
      ];
      const pause = user === null ? 'sleep 0.4' : ':';
      const text = `pwd; id -u; echo "$HOME"; cat conf/small; wc -c <large; stat -c "%a %u" . "$PLAN_ATTRIBUTES"; echo a=1 >>"$PLAN_OUTPUT"; ${pause}`;
      const change = { base, user, asRoot, files };
      const given = scriptRun(text, change);
      const connection = await open(login);
      const first = await run(connection, given);
      const ownerUid = owner.endsWith('root')
        ? 0
        : (owner.endsWith('ann') ? 47_100 : 47_200) + KINDS.indexOf(owner.split('-')[0] as Kind);
      const uid = asRoot ? 0 : ownerUid;
      if (!asRoot) expect(first.log.split('\n')[2]).toBe(homeOf(owner));
      expect(first.log.split('\n').filter((_, i) => i !== 2)).toEqual([
        work,
        String(uid),
        'small200000',
        `700 ${ownerUid}`,
        `600 ${uid}`,
        '',
      ]);
      expect(first.end).toEqual({ kind: 'exited', exitCode: 0, outputs: Buffer.from('a=1\n') });

      // Another connection finds the same.
      const again = await open(login);
      expect(await run(again, given)).toEqual(first);
      const found = await runner.attach(again, given, { signal: never, onOutput: () => undefined });
      expect(found).toEqual(first.end);
      const tree = scriptRun('', {
        ...change,
        script: {
          main: 'bin/go',
          entries: [
            { path: 'bin/go', mode: 0o755, bytes: Buffer.from('. "${0%/*}/../lib"; here') },
            { path: 'lib', mode: 0o644, bytes: Buffer.from('here() { pwd; }\n') },
          ],
        },
      });
      expect((await run(again, tree)).log).toBe(`${work}\n`);
      const output = collector();
      const tried = await runner.attempt(
        again,
        { ...given, script: script('pwd; exit 3') },
        { signal: never, onOutput: output.onOutput },
      );
      expect([output.text(), tried]).toEqual([`${work}\n`, { kind: 'exited', exitCode: 3, outputs: null }]);
      await runner.stop(again, { ...given, names: [given.name] }, { signal: never });
      await runner.put(
        again,
        { base, user, files: [{ path: 'p', mode: 0o600, bytes: Buffer.from('p') }] },
        { signal: never },
      );
    });

    it.each(['full-ann', 'full-root'])('say so when the disk is full, and where: %s', async (login) => {
      const connection = await open(login);
      const where = new RegExp(`${homeOf(login)}.*No space left on device`);
      const ends: string[] = [];
      const note = (error: unknown) => ends.push((error as Error).message);
      const given = scriptRun('exit 0', { base: '.plan/full' });
      const started = Date.now();
      await runner
        .run(connection, given, { signal: never, onOutput: () => undefined })
        .then((end) => ends.push(end.kind === 'interrupted' ? end.message : ''), note);
      await runner
        .attempt(connection, given, { signal: never, onOutput: () => undefined })
        .then(() => ends.push(''), note);
      const files = [{ path: 'x', mode: 0o600, bytes: Buffer.from('x') }];
      await runner.put(connection, { base: '.plan/full', user: null, files }, { signal: never }).catch(note);
      await connection
        .upload([{ path: '~/x', mode: 0o600, bytes: Buffer.from('x') }], { signal: never })
        .catch(note);
      expect(ends).toHaveLength(4);
      for (const end of ends.slice(0, 3)) expect(end).toMatch(where);
      expect(ends[3]).toMatch(/x.*No space left on device/);
      expect(Date.now() - started).toBeLessThan(10_000);
    });

    it('trust no directory that somebody else may write in', async () => {
      const connection = await open('missing-ann');
      const uid = 47_100 + KINDS.indexOf('missing');
      const place = join(world.place, 'vartmp', `launch-plan-${uid}`);
      execFileSync('chmod', ['777', place]);
      const { log } = await run(connection, scriptRun('pwd', { base: '.plan/elsewhere' }));
      expect(log).toBe(`/tmp/launch-plan-${uid}/.plan/elsewhere/work\n`);
      await runner.clear(connection, { base: '.plan/elsewhere', user: null }, { signal: never });
      expect(existsSync(`/tmp/launch-plan-${uid}`)).toBe(false);
      execFileSync('chmod', ['700', place]);
    });
  },
);
