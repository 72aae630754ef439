import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { hostKeyPair } from '../../keys.ts';
import { ensureStateKey } from '../state-key.ts';
import { findAddressSpace, tryListen } from './address.ts';
import { CONTROL_SUBSYSTEM, createLineReader } from './control.ts';
import type { ControlAddress, ControlAnswer, ControlCall, ControlReply, ControlRequest } from './control.ts';
import { createFleet } from './fleet.ts';
import type { Fleet } from './fleet.ts';
import { takeHosting } from './hosting-lock.ts';
import { loginName } from './login.ts';
import { hostingPaths, machinesDirectory } from './paths.ts';
import { markersWork, ownLimit, scanMarkers, scanTree } from './processes.ts';
import { createReaper } from './reaper.ts';
import { createSshServer } from './ssh-server.ts';

/** A host that serves the machines of one state directory. */
export interface RunningHost {
  /** Resolves when no machine is left and nobody is connected: all traces are removed. */
  readonly ended: Promise<void>;
  /** Ends serving at once; machines stay recorded for the next host. */
  stop(): void;
}

/** Milliseconds that a host without a machine waits for whoever started it. */
const PATIENCE = 10_000;

/** Begins to serve the machines of a state directory; undefined when another process does. */
export async function startHost(stateDirectory: string): Promise<RunningHost | undefined> {
  const directory = machinesDirectory(stateDirectory);
  const paths = hostingPaths(directory);
  const key = ensureStateKey(stateDirectory);
  const hosting = takeHosting(directory);
  if (hosting === undefined) return undefined;
  const user = loginName();
  const marked = markersWork();
  const sockets = new Set<Socket>();
  let clients = 0;
  let serving = false;
  /** Whoever started it has not come yet, and may want to know what became of its last machine. */
  let awaiting = true;
  let over = false;
  let ended: () => void = () => undefined;

  const fleet = createFleet({
    hosting,
    directory,
    user,
    key,
    reaper: createReaper(marked ? scanMarkers : scanTree),
    surroundings: { space: await findAddressSpace(), marking: marked ? { outer: ownLimit() } : undefined },
    onEmpty: endIfIdle,
  });

  const hostKey = hostKeyPair();
  const serve = createSshServer(
    { hostKey, user, authorizedKey: key.publicKey },
    {
      subsystem(name, channel) {
        if (name !== CONTROL_SUBSYSTEM) {
          channel.end();
          return;
        }
        clients++;
        awaiting = false;
        clearTimeout(patience);
        channel.once('close', () => {
          clients--;
          endIfIdle();
        });
        answerCalls(channel, (request) => answer(fleet, request, () => clients));
      },
    },
  );
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket);
  });

  function stop(options: { readonly erase: boolean }): void {
    if (over) return;
    over = true;
    clearTimeout(patience);
    fleet.abandon();
    server.close();
    for (const socket of sockets) socket.destroy();
    hosting?.release(options);
    ended();
  }

  function endIfIdle(): void {
    if (serving && !awaiting && fleet.size === 0 && clients === 0) stop({ erase: true });
  }

  const patience = setTimeout(() => {
    awaiting = false;
    endIfIdle();
  }, PATIENCE);
  const failure = await tryListen(server, '127.0.0.1', 0);
  if (typeof failure === 'string') {
    stop({ erase: false });
    throw new Error(`Cannot listen at 127.0.0.1: ${failure}`);
  }
  server.on('error', () => undefined);
  const { port } = server.address() as AddressInfo;
  publish(paths.address, { pid: process.pid, host: '127.0.0.1', port, hostKey: hostKey.publicKey });
  serving = true;
  return {
    ended: new Promise((resolve) => {
      ended = resolve;
    }),
    stop: () => stop({ erase: false }),
  };
}

/** Whole or not at all: clients read it at any time. */
function publish(path: string, address: ControlAddress): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, JSON.stringify(address), { mode: 0o600 });
  renameSync(temporary, path);
}

function answerCalls(channel: Duplex, perform: (request: ControlRequest) => Promise<ControlAnswer>): void {
  const reply = (message: ControlReply): void => {
    if (channel.writable) channel.write(`${JSON.stringify(message)}\n`);
  };
  const read = createLineReader((line) => {
    const { number, request } = JSON.parse(line) as ControlCall;
    perform(request).then(
      (answered) => reply({ number, answer: answered }),
      (error: unknown) => reply({ number, error: error instanceof Error ? error.message : String(error) }),
    );
  });
  channel.on('data', read);
  channel.on('end', () => channel.end());
  channel.on('error', () => channel.destroy());
}

async function answer(fleet: Fleet, request: ControlRequest, clients: () => number): Promise<ControlAnswer> {
  switch (request.kind) {
    case 'launch':
      return fleet.launch(request.batch, request.environment);
    case 'describe':
      return fleet.describe(request.ids);
    case 'power':
      return fleet.power(request.power, request.ids);
    case 'label':
      return fleet.label(request.changes);
    case 'expire':
      return fleet.expire(request.ids, request.expiresAt);
    case 'list':
      return fleet.list(request.tags);
    case 'holdings':
      return fleet.holdings();
    case 'remaining':
      return { machines: fleet.size, clients: clients() };
    default:
      return request satisfies never;
  }
}
