import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';
import { collector } from './command.ts';

describe('run()', () => {
  it('calls what it does not expect a bug, with a stack, and answers 70', async () => {
    const stderr = collector();
    // Only what is reached before the working directory is asked for: the rest is never looked at.
    const io = {
      stderr: stderr.stream,
      stdout: collector().stream,
      env: {},
      get cwd(): string {
        throw new TypeError('no working directory');
      },
    } as unknown as Io;
    expect(await run(['list'], io)).toBe(70);
    expect(stderr.text()).toMatch(/TypeError: no working directory\n +at [^]*\nThis is a bug in plan\.\n$/);
  });
});
