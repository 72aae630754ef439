import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measure, median } from './measure.ts';
import { CLI, program } from './paths.ts';
import type { Row } from './row.ts';

const ROUNDS = 5;

/** A deployment of 1,000 ready machines: an `up` and a `diff` that find nothing to do. */
export async function resumeRows(): Promise<readonly Row[]> {
  const { stdout: directory } = await measure([program('recorded'), '1000']);
  try {
    const plan = join(directory, 'plan.yml');
    const flags = ['--state-dir', join(directory, 'state'), '--progress', 'quiet'];
    const wall = async (...command: readonly string[]): Promise<number> => {
      const walls: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1)
        walls.push((await measure([CLI, ...command, ...flags])).wall);
      return median(walls);
    };
    const up = await wall('up', plan, '--adopt');
    const diff = await wall('diff', plan);
    return [
      { name: 'up of 1,000 ready machines with nothing to do', value: up, unit: 's', limit: 1.5, detail: '' },
      {
        name: 'diff of 1,000 ready machines without differences',
        value: diff,
        unit: 's',
        limit: 1,
        detail: '',
      },
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
