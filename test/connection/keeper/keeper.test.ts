import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keeperIdentity } from '../../../src/connection/keeper/identity.ts';
import { createKeeperClient } from '../../../src/connection/keeper/keeper-client.ts';
import { keeperScript, startKeeperProcess } from '../../../src/connection/keeper/keeper-process.ts';
import { startKeeper } from '../../../src/connection/keeper/keeper.ts';
import { FRAME, openLink } from '../../../src/connection/keeper/link.ts';
import { keeperPlace } from '../../../src/connection/keeper/place.ts';
import { endKeepers, keepersOf } from '../../support/keepers.ts';
import { sshdMissing, startSshd } from '../../support/sshd.ts';
import { until } from '../../support/until.ts';
import { keptState, loginsAt, outputOf, runOnce } from './kept.ts';

const never = new AbortController().signal;
const missing = sshdMissing();

describe('the place of a keeper', () => {
  it('is for nobody but the user', async () => {
    await using state = await keptState();
    await startKeeperProcess(state.directory, keeperScript());
    const { directory, socket } = keeperPlace(state.directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
  });

  it('is one for temporary files where the path of the state is too long', async () => {
    await using state = await keptState();
    const long = join(state.directory, 'x'.repeat(100));
    const { directory } = keeperPlace(long);
    expect(dirname(directory)).toBe(tmpdir());
    await startKeeperProcess(long, keeperScript());
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    await endKeepers(long);
    expect(existsSync(directory)).toBe(false);
  });

  it('is none that others may enter, or that somebody else made', async () => {
    await using state = await keptState();
    const { directory } = keeperPlace(state.directory);
    const warnings: string[] = [];
    async function isReached(): Promise<boolean> {
      const onWarning = (message: string): void => void warnings.push(message);
      await using client = createKeeperClient({ stateDirectory: state.directory, keep: 1_000, onWarning });
      return (await client.reach({ signal: never })) && (await client.reach({ signal: never }));
    }
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    expect(await isReached()).toBe(false);
    rmSync(directory, { recursive: true });
    mkdirSync(`${directory}-elsewhere`, { mode: 0o700 });
    symlinkSync(`${directory}-elsewhere`, directory);
    expect(await isReached()).toBe(false);
    expect(warnings).toEqual([
      `Cannot keep connections: others may enter "${directory}"`,
      `Cannot keep connections: "${directory}" is no directory`,
    ]);
    rmSync(directory);
    expect(await isReached()).toBe(true);
  });
});

describe('a keeper', () => {
  it('is one, however many are started at once', async () => {
    await using state = await keptState();
    await Promise.all(Array.from({ length: 4 }, () => startKeeperProcess(state.directory, keeperScript())));
    await until(() => keepersOf(state.directory).length === 1);
    await startKeeperProcess(state.directory, keeperScript());
    await until(() => keepersOf(state.directory).length === 1);
  });

  it('takes the place of one that was killed, and gives it up when it is told to end', async () => {
    await using state = await keptState();
    const { directory, socket } = keeperPlace(state.directory);
    await startKeeperProcess(state.directory, keeperScript());
    const [killed = 0] = keepersOf(state.directory);
    process.kill(killed, 'SIGKILL');
    await until(() => keepersOf(state.directory).length === 0);
    expect(existsSync(socket)).toBe(true);
    await startKeeperProcess(state.directory, keeperScript());
    expect(keepersOf(state.directory)).toHaveLength(1);
    await endKeepers(state.directory);
    expect(existsSync(directory)).toBe(false);
  });

  it('makes way for one of another version once nobody uses it', async () => {
    await using state = await keptState();
    const place = keeperPlace(state.directory);
    const older = await startKeeper({ place, identity: 'older' });
    const nobody = { onFrame: () => undefined, onClose: () => undefined };
    const socket = connect(place.socket);
    openLink(socket, nobody).sendJson(FRAME.hello, 0, { identity: 'older', keep: 60_000 });
    await once(socket, 'data');
    await using client = createKeeperClient({
      stateDirectory: state.directory,
      keep: 1_000,
      onWarning: (message) => expect.unreachable(message),
    });
    expect(await client.reach({ signal: never })).toBe(true);
    expect(keepersOf(state.directory)).toHaveLength(1);
    socket.destroy();
    await older?.ended;
    expect(existsSync(place.socket)).toBe(true);
  });

  it('ends where nobody comes', async () => {
    await using state = await keptState();
    const keeper = await startKeeper({ place: keeperPlace(state.directory), identity: 'a', patience: 1 });
    await keeper?.ended;
    expect(existsSync(keeperPlace(state.directory).directory)).toBe(false);
  });

  it('serves nobody who does not say who it is, and nothing that no program of ours says', async () => {
    await using state = await keptState();
    const place = keeperPlace(state.directory);
    const keeper = await startKeeper({ place, identity: 'a', patience: 500 });
    const nobody = { onFrame: () => undefined, onClose: () => undefined };
    const rude = connect(place.socket);
    openLink(rude, nobody).sendJson(FRAME.request, 1, { do: 'open' });
    await once(rude, 'close');
    const mad = connect(place.socket);
    mad.on('error', () => undefined).write(Buffer.alloc(9, 0xff));
    await once(mad, 'close');
    await keeper?.ended;
  });

  it('is another one with another program, and the same with the same', async () => {
    await using state = await keptState();
    const script = join(state.directory, 'keeper-main.js');
    writeFileSync(script, '');
    const identity = keeperIdentity(script);
    expect(keeperIdentity(script)).toBe(identity);
    writeFileSync(script, 'other');
    expect(keeperIdentity(script)).not.toBe(identity);
  });
});

describe.skipIf(missing !== undefined)(`without a keeper${missing ? `: ${missing}` : ''}`, () => {
  it('connections are opened directly, and that is said once', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    const script = join(state.directory, 'broken.js');
    writeFileSync(script, 'require("fs").writeSync(3, "no such luck")');
    await using pool = state.command({ script });
    for (const key of ['a', 'b'])
      expect(await outputOf(pool, { key, access: sshd.access }, 'echo fine')).toBe('fine\n');
    expect(state.warnings).toEqual(['Cannot keep connections: no such luck']);
  });

  it('what goes on is lost when it is killed, and the next thing begins with another one', async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    const target = { key: 'a', access: sshd.access };
    await using pool = state.command();
    const working = pool.use(target, { signal: never }, (connection) =>
      connection.exec('echo begun; sleep 20', {
        signal: never,
        onStdout: () => keepersOf(state.directory).forEach((pid) => process.kill(pid, 'SIGKILL')),
      }),
    );
    await expect(working).rejects.toMatchObject({ problem: 'lost' });
    expect(await outputOf(pool, target, 'echo fine')).toBe('fine\n');
    expect(await loginsAt(sshd)).toBe(2);
    expect(state.warnings).toEqual([]);
  });

  it('nothing is kept back from a keeper that hangs: it is passed over', { timeout: 20_000 }, async () => {
    await using sshd = await startSshd();
    await using state = await keptState();
    const target = { key: 'a', access: sshd.access };
    await runOnce(state, target);
    const [pid = 0] = keepersOf(state.directory);
    process.kill(pid, 'SIGSTOP');
    try {
      expect(await runOnce(state, target)).toBe('fine\n');
      expect(state.warnings).toEqual(['Cannot keep connections: it does not answer']);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });
});
