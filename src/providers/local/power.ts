import type { PowerAnswer } from '../provider.ts';
import { NO_SUCH_MACHINE } from '../provider.ts';
import type { Power } from './control.ts';
import { readOptions } from './options.ts';
import type { MachineRecord } from './record.ts';

/** What a power request makes of a machine's record; without `record` nothing changes. */
export function judge(
  power: Power,
  record: MachineRecord | undefined,
): { readonly answer: PowerAnswer; readonly record?: MachineRecord } {
  const accepted = { kind: 'accepted' } as const;
  if (power === 'terminate') {
    return record === undefined || record.wanted === 'gone'
      ? { answer: accepted }
      : { answer: accepted, record: { ...record, wanted: 'gone' } };
  }
  if (record === undefined) return { answer: NO_SUCH_MACHINE };
  if (record.wanted === 'gone') return { answer: { kind: 'cannot', why: 'it is being terminated' } };
  switch (power) {
    case 'stop':
      return { answer: accepted, record: { ...record, wanted: 'off' } };
    case 'start':
      return record.wanted === 'on' ? { answer: accepted } : { answer: accepted, record: booting(record) };
    case 'reboot':
      return record.wanted === 'on'
        ? { answer: accepted, record: { ...booting(record), powerCut: true } }
        : { answer: { kind: 'cannot', why: 'it is stopped' } };
    default:
      return power satisfies never;
  }
}

function booting(record: MachineRecord): MachineRecord {
  const read = readOptions({ ...record.request, image: null });
  return { ...record, wanted: 'on', bootsAt: read.kind === 'options' ? bootTime(read.options.bootDelay) : 0 };
}

/** Epoch milliseconds at which a machine that is switched on now begins to listen. */
export function bootTime(bootDelay: number): number {
  return bootDelay > 0 ? Date.now() + bootDelay : 0;
}
