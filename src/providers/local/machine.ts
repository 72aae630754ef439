import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { terminalMissing } from '../../pseudo-terminal.ts';
import { tryListen } from './address.ts';
import { runCommand } from './command.ts';
import type { Owner } from './processes.ts';
import type { MachineRecord } from './record.ts';
import { createSshServer } from './ssh-server.ts';

/** The SSH side of one machine, and the sessions that were started through it. */
export interface MachineServer {
  readonly owner: Owner;
  readonly listening: boolean;
  /** The error code of why its address cannot be used, or null. */
  listen(): Promise<string | null>;
  /** Stops listening and cuts every connection; what runs goes on. */
  close(): void;
}

export interface MachineLogin {
  readonly home: string;
  readonly user: string;
  readonly authorizedKey: string;
}

const OWN_NAMES = new Set(['127.0.0.1', 'localhost', '::1', '0.0.0.0', '::', '']);

export function createMachineServer(
  record: MachineRecord,
  { home, user, authorizedKey }: MachineLogin,
): MachineServer {
  const login = { home, marker: record.marker, environment: loginEnvironment(record, user, home) };
  const sessions = new Set<number>();
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let serve: ((socket: Socket) => void) | undefined;

  function connected(socket: Socket): void {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Made at the first connection: most of a thousand machines are idle at a time.
    serve ??= createSshServer(
      { hostKey: record.hostKey, user, authorizedKey },
      {
        exec(command, channel) {
          const pid = runCommand(command, channel, login, (ended) => sessions.delete(ended));
          if (pid !== undefined) sessions.add(pid);
        },
        hasTerminals: () => terminalMissing() === undefined,
        forward: (host, port) => connect(OWN_NAMES.has(host) ? record.address : host, port),
      },
    );
    serve(socket);
  }

  return {
    owner: { marker: record.marker, home, sessions: () => sessions },
    get listening() {
      return server !== undefined;
    },
    async listen() {
      if (server !== undefined) return null;
      const result = await tryListen(createServer({ noDelay: true }, connected), record.address, record.port);
      if (typeof result === 'string') return result;
      // Running out of file descriptors shows here; connections are refused until there are some again.
      result.on('error', () => undefined);
      server = result;
      return null;
    },
    close() {
      server?.close();
      server = undefined;
      serve = undefined;
      for (const socket of sockets) socket.destroy();
    },
  };
}

function loginEnvironment(
  record: MachineRecord,
  user: string,
  home: string,
): Readonly<Record<string, string>> {
  return { ...record.environment, HOME: home, USER: user, LOGNAME: user, SHELL: '/bin/sh' };
}

function connect(host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port, noDelay: true, allowHalfOpen: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}
