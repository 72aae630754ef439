import { measure } from './measure.ts';
import { program } from './paths.ts';
import type { Row } from './row.ts';

/** The engine alone, store included. */
export async function engineRow(): Promise<Row> {
  const { stdout, peak } = await measure([program('engine'), '10000']);
  const { perMachine } = JSON.parse(stdout) as { perMachine: number };
  return {
    name: '10,000 machines of a fake provider: CPU of the engine per machine',
    value: perMachine,
    unit: 'ms',
    limit: 1,
    detail: `peak memory ${peak.toFixed(0)} MB`,
  };
}
