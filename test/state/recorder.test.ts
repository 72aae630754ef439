import { describe, expect, it } from 'vitest';
import type { Fact, FactBody } from '../../src/fact.ts';
import { createCipher } from '../../src/state/cipher.ts';
import { applyFact } from '../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../src/state/deployment-state.ts';
import { writeLease } from '../../src/state/lease.ts';
import { createRecorder } from '../../src/state/recorder.ts';
import { openStateDatabase, statePath } from '../../src/state/state-directory.ts';
import { created } from './histories.ts';
import { temporaryDirectory } from './stores.ts';

const FULL = 2;
const NORMAL = 1;

describe('Recorder', () => {
  it('lets facts about what costs money outlive a power cut, and does not wait for the disk with others', async () => {
    const directory = temporaryDirectory();
    const db = await openStateDatabase(directory, { readonly: false });
    const lease = {
      nonce: 'n',
      owner: 'ann@host',
      pid: 1,
      operation: 'up',
      since: 1,
      host: 'host',
      kernel: '',
    } as const;
    writeLease(db, created.name, lease);
    const recorder = createRecorder(db, createCipher(directory), statePath(directory));
    const state = emptyState(created);

    async function durability(...bodies: readonly FactBody[]): Promise<unknown> {
      const touched = nothingTouched();
      const facts = bodies.map((body): Fact => ({ ...body, at: 1 }));
      for (const fact of facts) applyFact(state, fact, touched);
      await recorder.append(state, facts, touched, 'n');
      return db.pragma('synchronous', { simple: true });
    }
    const prepared: FactBody = { type: 'scope-prepared', provider: 'local' };
    const ended: FactBody = { type: 'operation-ended', id: 1, outcome: 'failed' };
    const request = { sensitive: '{}' };
    const batch = { number: 1, service: 'web', provider: 'local', machines: [], min: 0, token: 't', request };
    expect(await durability(created)).toBe(FULL);
    expect(await durability(prepared)).toBe(NORMAL);
    expect(await durability({ type: 'launch-requested', batch })).toBe(FULL);
    expect(await durability({ type: 'launch-answered', batch: 1, ids: [], shortfall: null })).toBe(NORMAL);
    expect(await durability(prepared, ended)).toBe(FULL);
    expect(recorder.failure()).toBeUndefined();
    db.close();
  });

  it('is broken for good once a transaction failed', async () => {
    const directory = temporaryDirectory();
    const db = await openStateDatabase(directory, { readonly: false });
    const recorder = createRecorder(db, createCipher(directory), statePath(directory));
    db.exec('DROP TABLE leases');
    const first = recorder.append(emptyState(created), [created], nothingTouched(), 'n');
    const same = recorder.append(emptyState(created), [], nothingTouched(), 'n');
    await expect(first).rejects.toThrow(
      `Cannot write the state in "${statePath(directory)}": no such table: leases`,
    );
    await expect(same).rejects.toBe(recorder.failure());
    await expect(recorder.append(emptyState(created), [], nothingTouched(), 'n')).rejects.toBe(
      recorder.failure(),
    );
    db.close();
  });
});
