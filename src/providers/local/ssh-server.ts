import { EventEmitter, once } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import ssh2 from 'ssh2';
import type { Algorithms, AuthContext, Connection, ServerChannel, Session, SessionAccept } from 'ssh2';

import { privateKeyFile } from '../../keys.ts';
import type { KeyPair } from '../../keys.ts';
import type { TerminalSize } from '../../pseudo-terminal.ts';
import { joinChannel } from './join-channel.ts';
import type { SshCommand, SshHandlers, SshTerminal } from './ssh-handlers.ts';

/** Who serves, and the one login that is let in. */
export interface SshIdentity {
  readonly hostKey: KeyPair;
  readonly user: string;
  /** `ssh-ed25519 AAAA…` */
  readonly authorizedKey: string;
}

/** As sshd's own defaults. */
const MAX_SESSIONS = 10;
const LOGIN_GRACE = 30_000;
const MAX_FORWARDS = 200;

/** The fast ones, and one of each that every other client knows. */
const ALGORITHMS: Algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
};

/** Serves SSH on sockets that someone else accepted. Whatever a client sends only ends its own connection. */
export function createSshServer(identity: SshIdentity, handlers: SshHandlers): (socket: Socket) => void {
  const peers = new Map<string, { readonly socket: Socket; readonly grace: NodeJS.Timeout }>();
  const server = new ssh2.Server({
    hostKeys: [privateKeyFile(identity.hostKey)],
    algorithms: ALGORITHMS,
    ident: 'plan',
    // On a loopback connection the kernel tells when the other side is gone.
    keepaliveInterval: 2 ** 31 - 1,
  });
  const isAllowed = gatekeeper(identity);
  server.on('connection', (client, { ip, port }) => {
    const peer = peers.get(`${ip}:${port}`);
    // A broken client is no news, and need not agree to part.
    client.on('error', () => peer?.socket.destroySoon());
    client.on('ready', () => clearTimeout(peer?.grace));
    client.on('authentication', (context) => {
      if (isAllowed(context)) context.accept();
      else context.reject(['publickey']);
    });
    serveSessions(client, handlers);
    if (handlers.forward !== undefined) serveForwards(client, handlers.forward);
  });
  return (socket) => {
    const peer = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
    const grace = setTimeout(() => socket.destroy(), LOGIN_GRACE).unref();
    peers.set(peer, { socket, grace });
    socket.once('close', () => {
      clearTimeout(grace);
      peers.delete(peer);
    });
    socket.setNoDelay(true);
    server.injectSocket(socket);
  };
}

function gatekeeper({ user, authorizedKey }: SshIdentity): (context: AuthContext) => boolean {
  const key = ssh2.utils.parseKey(authorizedKey);
  if (key instanceof Error) throw key;
  const blob = key.getPublicSSH();
  return (context) => {
    if (context.method !== 'publickey' || context.username !== user) return false;
    if (context.key.algo !== key.type || !context.key.data.equals(blob)) return false;
    // Without a signature the client only asks whether it should sign.
    if (context.signature === undefined || context.blob === undefined) return true;
    return key.verify(context.blob, context.signature, context.hashAlgo);
  };
}

function serveSessions(client: Connection, handlers: SshHandlers): void {
  let open = 0;
  client.setMaxListeners(MAX_SESSIONS + 10);
  client.on('session', (accept, reject) => {
    if (open >= MAX_SESSIONS) {
      reject();
      return;
    }
    open++;
    const session = accept();
    const closed = new EventEmitter();
    const close = (): void => {
      open--;
      session.removeListener('close', close);
      client.removeListener('close', close);
      closed.emit('closed');
    };
    // A lost connection does not reach the session itself.
    session.once('close', close);
    client.once('close', close);
    serveSession(session, closed, handlers);
  });
}

function serveSession(
  session: Session,
  events: EventEmitter,
  { exec, subsystem, hasTerminals }: SshHandlers,
): void {
  let terminal: SshTerminal | null = null;
  session.on('pty', (accept: SessionAccept | undefined, reject: (() => boolean) | undefined, info) => {
    if (hasTerminals?.() !== true) {
      reject?.();
      return;
    }
    // The library's types leave it out.
    const { term = 'dumb' } = info as { readonly term?: string };
    terminal = { ...sizeOf(info), term, onResize: (listener) => events.on('resize', listener) };
    accept?.();
  });
  session.on('window-change', (accept: SessionAccept | undefined, _reject, info) => {
    events.emit('resize', sizeOf(info));
    accept?.();
  });
  session.on('signal', (accept: SessionAccept | undefined, _reject, { name }) => {
    events.emit('signal', name);
    accept?.();
  });
  if (exec !== undefined) {
    session.on('exec', (accept, _reject, { command }) =>
      exec(command, commandOn(accept(), events, terminal)),
    );
    session.on('shell', (accept) => exec(null, commandOn(accept(), events, terminal)));
  }
  if (subsystem !== undefined) {
    session.on('subsystem', (accept, _reject, { name }) => subsystem(name, accept()));
  }
}

/** A client that does not know says 0. */
function sizeOf({ cols, rows }: { readonly cols: number; readonly rows: number }): TerminalSize {
  return { columns: cols || 80, rows: rows || 24 };
}

function commandOn(channel: ServerChannel, events: EventEmitter, terminal: SshTerminal | null): SshCommand {
  // ssh2 keeps what waited for the window, and sends it again when the other stream has to wait.
  const waiting = channel as {
    _chunk?: unknown;
    _chunkcb?: unknown;
    _chunkErr?: unknown;
    _chunkcbErr?: unknown;
  };
  channel.on('error', () => channel.close());
  channel.stderr.on('error', () => channel.close());
  return {
    terminal,
    stdin: channel,
    write(to, chunk, done) {
      (to === 'stdout' ? channel : channel.stderr).write(chunk, () => {
        waiting._chunk = waiting._chunkcb = waiting._chunkErr = waiting._chunkcbErr = undefined;
        done();
      });
    },
    ended(how) {
      if (typeof how === 'number') channel.exit(how);
      else channel.exit(how, false, '');
    },
    close: () => channel.end(),
    onClosed: (listener) => events.once('closed', listener),
    onSignal: (listener) => events.on('signal', listener),
  };
}

function serveForwards(client: Connection, forward: NonNullable<SshHandlers['forward']>): void {
  let open = 0;
  client.on('tcpip', (accept, reject, { destIP, destPort }) => {
    if (open >= MAX_FORWARDS) {
      reject();
      return;
    }
    open++;
    forward(destIP, destPort).then(
      (stream) => {
        stream.once('close', () => open--);
        joinChannel(accept(), stream);
      },
      () => {
        open--;
        reject();
      },
    );
  });
}

/** A stream to a subsystem of a server whose host key is known. Rejects when it cannot be reached. */
export async function openSubsystem(
  server: { readonly host: string; readonly port: number; readonly hostKey: string; readonly user: string },
  options: { readonly privateKey: Buffer; readonly name: string; readonly signal: AbortSignal },
): Promise<{ readonly stream: Duplex; close(): void }> {
  const client = new ssh2.Client();
  const close = (): void => {
    client.destroy();
  };
  options.signal.addEventListener('abort', close, { once: true });
  try {
    client.connect({
      host: server.host,
      port: server.port,
      username: server.user,
      privateKey: options.privateKey,
      hostVerifier: (key: Buffer) => `ssh-ed25519 ${key.toString('base64')}` === server.hostKey,
      readyTimeout: 10_000,
      algorithms: {
        kex: ['curve25519-sha256'],
        cipher: ['aes128-gcm@openssh.com'],
        serverHostKey: ['ssh-ed25519'],
      },
    });
    await Promise.race([
      once(client, 'ready'),
      once(client, 'close').then(() => Promise.reject(new Error('the connection was closed'))),
    ]);
    client.setNoDelay(true);
    const stream = await new Promise<Duplex>((resolve, reject) => {
      client.once('close', () => reject(new Error('the connection was closed')));
      client.subsys(options.name, (error, channel) =>
        error === undefined ? resolve(channel) : reject(error),
      );
    });
    client.on('error', close);
    return { stream, close };
  } catch (error) {
    client.on('error', close);
    close();
    throw error;
  } finally {
    options.signal.removeEventListener('abort', close);
  }
}
