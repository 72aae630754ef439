import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measure, median } from './measure.ts';
import { CLI, program } from './paths.ts';
import type { Row } from './row.ts';

const ROUNDS = 15;

/** `plan status` of 1,000 machines against a Node that does nothing. */
export async function statusRow(): Promise<Row> {
  const { stdout: directory } = await measure([program('recorded'), '1000']);
  try {
    const status: number[] = [];
    const nothing: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      nothing.push((await measure(['-e', '0'], { bare: true })).wall);
      status.push(
        (await measure([CLI, 'status', 'bench', '--state-dir', join(directory, 'state')], { bare: true }))
          .wall,
      );
    }
    return {
      name: 'plan status of 1,000 machines against node -e 0',
      value: median(status) / median(nothing),
      unit: '×',
      limit: 2.5,
      detail: `${(median(status) * 1_000).toFixed(0)} ms against ${(median(nothing) * 1_000).toFixed(0)} ms`,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
