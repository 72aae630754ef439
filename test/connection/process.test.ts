import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { connectionContract } from './connection-contract.ts';
import type { ReachableMachine } from './connection-contract.ts';

async function startDirectory(): Promise<ReachableMachine & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), "plan process's-"));
  const home = await mkdtemp(join(tmpdir(), 'plan-process-home-'));
  vi.stubEnv('HOME', home);
  return {
    access: { kind: 'process', directory },
    directory,
    relativeTo: `"${directory}"`,
    async [Symbol.asyncDispose]() {
      vi.unstubAllEnvs();
      for (const path of [directory, home]) await rm(path, { recursive: true });
    },
  };
}

connectionContract('openProcess()', startDirectory, new Set(['ssh', 'cut']));
