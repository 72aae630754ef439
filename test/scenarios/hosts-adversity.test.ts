import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { keyOf } from '../support/ssh-access.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import { scenario } from './scenario.ts';

const missing = sshdMissing();

/** A server that hangs up after its banner. */
async function resetting(): Promise<Server> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n');
  }).listen(0);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

/** A port at which nobody answers: those who wait there already are too many. */
async function deafPort(): Promise<number> {
  const deaf = spawn('perl', [
    '-MIO::Socket::INET',
    '-e',
    '$s = IO::Socket::INET->new(Listen => 1); @c = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:" . $s->sockport) } 1 .. 2; $| = 1; print $s->sockport, "\\n"; <STDIN>',
  ]);
  onTestFinished(() => void deaf.kill());
  const [line] = (await once(deaf.stdout, 'data')) as [Buffer];
  return Number(line);
}

it.skipIf(missing !== undefined)(
  `hosts in trouble say so within their limits, and the others come up${missing ? `: ${missing}` : ''}`,
  async () => {
    const space = await scenario();
    await using world = await startWorld({
      users: [
        { name: 'ann', uid: 47_301 },
        { name: 'shut', uid: 47_302, shell: '/usr/sbin/nologin' },
        { name: 'mute', uid: 47_304, shell: '/bin/false' },
        { name: 'bare', uid: 47_305, shell: '/no/such/shell' },
        { name: 'full', uid: 47_303 },
      ],
      config: ['MaxStartups 10:30:100'],
      address: '0.0.0.0',
      mounts: `mount -t tmpfs -o size=64k,mode=0777 tmpfs home-full
dd if=/dev/zero of=home-full/filler bs=1k count=65 2>/dev/null || :`,
    });
    const privateKey = keyOf(world.access);
    await using other = await startSshd();
    await using gone = await startSshd();
    const closed = gone.access.port;
    await gone[Symbol.asyncDispose]();
    const { port } = world.access;
    const hosts: Readonly<Record<string, string>> = {
      fine: `port: ${port}, user: ann`,
      refuses: `port: ${closed}, user: ann`,
      down: `port: ${await deafPort()}, user: ann`,
      resets: `port: ${((await resetting()).address() as AddressInfo).port}, user: ann`,
      'wrong-key': `port: ${port}, user: ann, hostname: other`,
      rejects: `port: ${port}, user: shut, hostname: rejects`,
      'no-shell': `port: ${port}, user: shut`,
      'false-shell': `port: ${port}, user: mute`,
      'missing-shell': `port: ${port}, user: bare`,
      full: `port: ${port}, user: full`,
      last: `port: ${port}, user: ann`,
    };
    // One address for each, because hosts with one address and port are one machine.
    const list = Object.entries(hosts).map(
      ([name, text], i) => `{ address: 127.0.2.${i + 1}, labels: { name: ${name} }, ${text} }`,
    );
    const special: Readonly<Record<string, string>> = {
      'wrong-key': `hostKey: "SHA256:${'a'.repeat(43)}", privateKey: "${privateKey}"`,
      rejects: `hostKey: pinFirst, privateKey: "${keyOf(other.access)}"`,
    };
    const services = Object.keys(hosts).map(
      (name) => `      ${name}:
        provider: pool
        hosts: { labels: { name: ${name} } }
        ssh: { ${special[name] ?? `hostKey: pinFirst, privateKey: "${privateKey}"`} }
        timeouts: { connect: 12s }
        attempts: { launch: 1, bootstrap: 1 }
        bootstrap: { run: 'echo "$PLAN_MACHINE is done"' }`,
    );
    await space.write(
      'mixed.yml',
      `version: 1
name: mixed
providers:
  pool:
    type: hosts
    hosts:
${list.map((host) => `      - ${host}`).join('\n')}
levels:
  - name: all
    services:
${services.join('\n')}
`,
    );
    const ran = await space.run(['up', 'mixed.yml']);
    expect(ran.code, ran.stderr).toBe(1);
    const { events } = JSON.parse((await space.run(['events', 'mixed', '--json'])).stdout) as {
      readonly events: readonly { readonly type: string; readonly at: string; readonly startedAt?: string }[];
    };
    const failed = events.filter(({ type }) => type === 'step-failed');
    expect(failed).toHaveLength(9);
    for (const { at, startedAt = '' } of failed)
      expect(Date.parse(at) - Date.parse(startedAt)).toBeLessThan(20_000);
    const machines = await space.machines('mixed');
    const told = Object.fromEntries(
      [...machines].map(([name, { state, failure }]) => [name, `${state}: ${failure?.message ?? ''}`]),
    );
    expect(told).toEqual({
      'fine-0': 'ready: ',
      'refuses-0': expect.stringMatching(/within 12s: Cannot connect .*ECONNREFUSED/) as unknown,
      'down-0': expect.stringMatching(/within 12s: Cannot connect .*no answer within 10 s/) as unknown,
      'resets-0': expect.stringMatching(/within 12s: Cannot connect .*the connection was closed/) as unknown,
      'wrong-key-0': expect.stringMatching(
        /Cannot trust .*it shows the host key .*the plan says SHA256:a+/,
      ) as unknown,
      'rejects-0': expect.stringMatching(/Cannot log in .* as "shut": the key "\S+" was refused/) as unknown,
      'no-shell-0': expect.stringMatching(
        /within 12s: the login user "shut" has no usable shell there: This account is currently not available/,
      ) as unknown,
      'false-shell-0': expect.stringMatching(
        /within 12s: the login user "mute" has no usable shell there: .* ended with 1$/,
      ) as unknown,
      // What OpenSSH tells of a shell that is not there.
      'missing-shell-0': expect.stringMatching(
        /Cannot log in .* as "bare": the key "\S+" was refused/,
      ) as unknown,
      'last-0': 'ready: ',
      'full-0': expect.stringMatching(/home-full.*No space left on device/) as unknown,
    });
    const down = await space.run(['down', '--yes', 'mixed']);
    expect(down.code, down.stderr).toBe(0);
  },
  120_000,
);
