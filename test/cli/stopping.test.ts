import { describe, expect, it } from 'vitest';
import type { StopSignal } from '../../src/cli/io.ts';
import { patienceAfter, watchStop } from '../../src/cli/stopping.ts';

describe('watchStop()', () => {
  it('aborts on the first signal and ends the process on the second, until it is disposed', () => {
    const listeners = new Set<(signal: StopSignal) => void>();
    const send = (signal: StopSignal): void => listeners.forEach((listener) => listener(signal));
    const exits: number[] = [];
    {
      using stopping = watchStop({
        onStop(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        exit: (code) => exits.push(code),
      });
      expect(stopping.received).toBeNull();
      send('SIGTERM');
      expect([stopping.received, stopping.signal.aborted, exits]).toEqual(['SIGTERM', true, []]);
      send('SIGINT');
      expect(exits).toEqual([130]);
    }
    expect(listeners.size).toBe(0);
  });
});

describe('patienceAfter()', () => {
  it('runs out once the signal was aborted', async () => {
    const controller = new AbortController();
    using patience = patienceAfter(controller.signal, 5);
    controller.abort();
    expect(await patience.ranOut).toBeNull();
    using already = patienceAfter(controller.signal, 0);
    expect(await already.ranOut).toBeNull();
  });
});
