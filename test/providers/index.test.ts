import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { UsageError } from '../../src/errors.ts';
import { openProvider } from '../../src/providers/index.ts';
import { cancel } from '../support/local-machines.ts';

it('openProvider() opens the local provider', async () => {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'plan providers-'));
  const provider = await openProvider({ type: 'local', name: 'local', options: {} }, { stateDirectory });
  expect(provider.type).toBe('local');
  expect(await provider.list({}, cancel)).toEqual([]);
  await provider.close();
  rmSync(stateDirectory, { recursive: true });
});

it('openProvider() refuses a type that does not exist', async () => {
  const opened = openProvider({ type: 'moon', name: 'west', options: {} }, { stateDirectory: '/nowhere' });
  await expect(opened).rejects.toThrow(
    new UsageError('Cannot use provider "west": there is no type "moon"', 'The types are: local.'),
  );
});
