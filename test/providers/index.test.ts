import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { UsageError } from '../../src/errors.ts';
import { openProvider } from '../../src/providers/index.ts';
import { cancel } from '../support/local-machines.ts';

const ec2 = { type: 'ec2', name: 'west', options: { region: 'us-west-2' } };

it('openProvider() opens the local provider', async () => {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'plan providers-'));
  const provider = await openProvider({ type: 'local', name: 'local', options: {} }, { stateDirectory });
  expect(provider.type).toBe('local');
  expect(await provider.list({}, cancel)).toEqual([]);
  await provider.close();
  rmSync(stateDirectory, { recursive: true });
});

it('openProvider() opens a pool of hosts, of which nothing is asked', async () => {
  const config = { type: 'hosts', name: 'rack', options: { hosts: ['10.0.0.5'] } };
  const provider = await openProvider(config, { stateDirectory: '/nowhere' });
  expect(provider).toMatchObject({ type: 'hosts', keepsMachines: true });
  expect(await provider.list({}, cancel)).toEqual([]);
  await provider.close();
});

it('openProvider() opens EC2 without a call', async () => {
  const provider = await openProvider(ec2, { stateDirectory: '/nowhere' });
  expect(provider).toMatchObject({ type: 'ec2', batchLimit: 100, consistencyDelay: 60_000 });
  expect(provider.apiCalls).toEqual(new Map());
  await provider.close();
});

it("openProvider() refuses EC2 in another region than the machines'", async () => {
  const opened = openProvider(ec2, { stateDirectory: '/nowhere', place: 'eu-west-1, account 1' });
  await expect(opened).rejects.toThrow(UsageError);
});

it('openProvider() refuses a type that does not exist', async () => {
  const opened = openProvider({ type: 'moon', name: 'west', options: {} }, { stateDirectory: '/nowhere' });
  await expect(opened).rejects.toThrow(
    new UsageError(
      'Cannot use provider "west": there is no type "moon"',
      'The types are: local, operator, docker, hosts, ec2.',
    ),
  );
});
