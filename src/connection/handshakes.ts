import type { Access } from '../machine.ts';
import { createSemaphore } from './semaphore.ts';
import type { Semaphore } from './semaphore.ts';

/** Bounds logins under way: in all, and at servers that drop those that are too many (sshd's MaxStartups). */
export interface Handshakes {
  begin(access: Access, options: { readonly signal: AbortSignal }): Promise<Handshake>;
}

export interface Handshake {
  /** The server showed this host key. */
  shown(hostKey: string): void;
  /** It is over, one way or the other. */
  end(): void;
}

interface Group {
  readonly places: Semaphore;
  readonly hostKeys: Set<string>;
}

/**
 * Milliseconds after which a handshake no longer keeps others waiting: a server that does not answer counts nothing,
 * and one that is slow is not made faster.
 */
const PATIENCE = 5_000;

/**
 * Addresses with one host key are taken for one server. Those whose key is not known yet may all be one: they share
 * few places, and get one more, up to `most`, with every other host key that one of them shows.
 */
export function createHandshakes(most: number): Handshakes {
  const all = createSemaphore(most);
  const groups = new Map<string, Group>();

  function groupOf(access: Access): Group | undefined {
    if (access.kind !== 'ssh' || access.startups === undefined || access.startups >= most) return undefined;
    const name = JSON.stringify([access.startups, access.hostKey, access.jump]);
    const group = groups.get(name) ?? { places: createSemaphore(access.startups), hostKeys: new Set() };
    groups.set(name, group);
    return group;
  }

  return {
    async begin(access, { signal }) {
      const group = groupOf(access);
      const freeStartup = await group?.places.acquire(signal);
      try {
        const freePlace = await all.acquire(signal);
        const free = (): void => {
          clearTimeout(timer);
          freePlace();
          freeStartup?.();
        };
        const timer = setTimeout(free, PATIENCE);
        return {
          shown(hostKey) {
            if (group === undefined || group.hostKeys.has(hostKey)) return;
            group.hostKeys.add(hostKey);
            if (group.hostKeys.size > 1 && group.places.size() < most) group.places.widen();
          },
          end: free,
        };
      } catch (error) {
        freeStartup?.();
        throw error;
      }
    },
  };
}
