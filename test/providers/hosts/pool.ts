import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Json } from '../../../src/json.ts';
import { createHostsProvider } from '../../../src/providers/hosts/hosts.ts';
import type { LaunchBatch, LaunchRequest, Provider, Tags } from '../../../src/providers/provider.ts';

/** A state directory and a home of its own, with providers on it. */
export interface TestPool extends Disposable {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly home: string;
  /** Writes a file below the home, with its folders. */
  write(path: string, text: string, mode?: number): string;
  open(options: Readonly<Record<string, Json>>, more?: OpenMore): Provider;
}

export interface OpenMore {
  readonly name?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export function createTestPool(): TestPool {
  const directory = mkdtempSync(join(tmpdir(), 'plan hosts-'));
  const home = join(directory, 'home');
  const stateDirectory = join(directory, 'state');
  return {
    directory,
    stateDirectory,
    home,
    write(path, text, mode = 0o600) {
      const file = join(home, path);
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, text, { mode });
      return file;
    },
    open: (options, { name = 'rack', environment = {} } = {}) =>
      createHostsProvider({
        config: { name, options },
        stateDirectory,
        operator: { home, user: 'ann', environment },
      }),
    [Symbol.dispose]() {
      rmSync(directory, { recursive: true });
    },
  };
}

export const TAGS: Tags = { deployment: 'blue', uuid: 'uuid-blue', owner: 'ann@desk', state: '/state' };

export function requestFor(service: string, labels?: Readonly<Record<string, string>>): LaunchRequest {
  return {
    service,
    image: null,
    directory: '/',
    options: labels === undefined ? {} : { labels },
    labels: { tier: 'front' },
    handsHostKey: false,
    resolved: null,
    tags: TAGS,
  };
}

/** A batch of `count` machines that wants all of them, or `min`. */
export function batchOf(token: string, count: number, request: LaunchRequest, min = count): LaunchBatch {
  const machines = Array.from({ length: count }, (_, i) => ({
    name: `${request.service}-${i}`,
    generation: 1,
  }));
  return { token, machines, min, request };
}
