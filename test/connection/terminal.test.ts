import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { terminalMissing } from '../../src/pseudo-terminal.ts';
import { createLocalMachines } from '../support/local-machines.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import { terminalContract } from './terminal-contract.ts';

if (sshdMissing() === undefined) terminalContract('terminals of OpenSSH', startSshd);

terminalContract('terminals of local machines', async () => {
  const local = await createLocalMachines({ inProcess: true });
  const { access } = await local.one();
  if (access === null) throw new Error('no access');
  return { access, [Symbol.asyncDispose]: () => local[Symbol.asyncDispose]() };
});

terminalContract('terminals of this computer', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'plan terminal-'));
  return {
    access: { kind: 'process', directory },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
});

describe('terminalMissing()', () => {
  it('says what is not there', () => {
    expect(terminalMissing()).toBeUndefined();
    expect(terminalMissing('/nowhere')).toMatch(/there is no "script" of util-linux/);
  });
});
