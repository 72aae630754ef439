import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

/** Where machines can listen on this computer. */
export type AddressSpace =
  /** Every machine has a loopback address of its own, all use this port. */
  | { readonly kind: 'addresses'; readonly port: number }
  /** There is only 127.0.0.1 (macOS): every machine has a port of its own. */
  | { readonly kind: 'ports' };

const PORTS = [2222, 2200, 22_022, 20_022] as const;

/** Finds a port that nothing occupies on all addresses at once. */
export async function findAddressSpace(): Promise<AddressSpace> {
  for (const port of PORTS) {
    for (let tries = 0; tries < 2; tries++) {
      const result = await tryListen(createServer(), randomAddress(), port);
      if (result === 'EADDRNOTAVAIL') return { kind: 'ports' };
      if (typeof result !== 'string') {
        result.close();
        return { kind: 'addresses', port };
      }
    }
  }
  return { kind: 'ports' };
}

export function candidate(space: AddressSpace): { readonly address: string; readonly port: number } {
  return space.kind === 'addresses'
    ? { address: randomAddress(), port: space.port }
    : // Below the ports that systems give to outgoing connections.
      { address: '127.0.0.1', port: randomInt(15_000, 32_000) };
}

/** 127.64.0.1 … 127.253.255.254: away from what systems use themselves. */
function randomAddress(): string {
  return `127.${randomInt(64, 254)}.${randomInt(256)}.${randomInt(1, 255)}`;
}

/** The listening server, or the error code of why not. */
export async function tryListen(server: Server, host: string, port: number): Promise<Server | string> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
    return server;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
