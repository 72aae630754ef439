import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forwardTo } from '../../../src/engine/fleet/forward.ts';
import type { Machine } from '../../../src/machine.ts';
import { until } from '../../support/until.ts';
import { openLocalFleet } from './local-fleet.ts';
import type { LocalFleet } from './local-fleet.ts';

const never = new AbortController().signal;

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

describe('forwardTo()', () => {
  let local: LocalFleet;
  let machine: Machine;
  let server: Server;
  let to: { readonly host: string; readonly port: number };

  beforeAll(async () => {
    local = await openLocalFleet({ count: 1 });
    const [first] = local.machines;
    if (first?.addresses == null) throw new Error('no machine');
    machine = first;
    // Answers once it has heard everything.
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      const heard: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => heard.push(chunk));
      socket.on('end', () => socket.end(Buffer.concat([...heard, Buffer.from('!')])));
    }).listen(0, first.addresses.address);
    await once(server, 'listening');
    to = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  });
  afterAll(async () => {
    server.close();
    await local[Symbol.asyncDispose]();
  });

  it('passes on all that is said, in both directions, and each end alone', async () => {
    await using forward = await forwardTo(local.fleet, machine, { to }, { signal: never });
    expect(forward.host).toBe('127.0.0.1');
    const bytes = randomBytes(3_000_000);
    const answers = await Promise.all(
      [1, 2, 3].map(async () => {
        const socket = connect({ port: forward.port, host: forward.host, allowHalfOpen: true });
        socket.end(bytes);
        return await buffer(socket);
      }),
    );
    expect(answers.map(({ length }) => length)).toEqual([3_000_001, 3_000_001, 3_000_001]);
    for (const answer of answers) expect(answer.equals(Buffer.concat([bytes, Buffer.from('!')]))).toBe(true);
  });

  it('closes a connection that nobody answers, says so, and goes on', async () => {
    const errors: string[] = [];
    const onError = (message: string) => void errors.push(message);
    await using forward = await forwardTo(
      local.fleet,
      machine,
      { to: { port: 1 } },
      { signal: never, onError },
    );
    const socket = connect(forward.port, forward.host).on('error', () => undefined);
    await closeOf(socket);
    await until(() => errors.length > 0);
    expect(errors).toEqual([expect.stringContaining('127.0.0.1:1')]);
  });

  it('closes everything with the signal', async () => {
    const cancel = new AbortController();
    const forward = await forwardTo(local.fleet, machine, { to }, { signal: cancel.signal });
    const socket = connect(forward.port, forward.host).on('error', () => undefined);
    await once(socket, 'connect');
    socket.write('x');
    const closed = closeOf(socket);
    cancel.abort(new Error('enough'));
    await closed;
    await forward.closed;
    const refused = connect(forward.port, forward.host);
    await expect(once(refused, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await forward[Symbol.asyncDispose]();
  });

  it('says when nobody can listen there', async () => {
    await using forward = await forwardTo(local.fleet, machine, { to }, { signal: never });
    const again = forwardTo(local.fleet, machine, { to, port: forward.port }, { signal: never });
    await expect(again).rejects.toThrow(/^Cannot listen on "127\.0\.0\.1:\d+": the port is in use$/);
  });
});
