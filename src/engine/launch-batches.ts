import type { Machine } from '../machine.ts';
import type { Service } from '../plan/plan.ts';
import type { Reconciliation, Situation } from './situation.ts';
import { batchSubject, machineSubject } from './step.ts';

/** The call of a batch that was asked for, unless it is under way; its machines share it. */
export function launch(batch: number, { busy }: Situation, out: Reconciliation): void {
  const isNew = !out.start.some((step) => step.kind === 'launch' && step.batch === batch);
  if (isNew && !busy.has(batchSubject(batch))) out.start.push({ kind: 'launch', batch });
}

/**
 * Machines without an instance become batches. As long as the service has fewer than its minimum, each batch has to
 * bring its share of that; machines beyond it are asked for when those are there, and none if they cannot be had.
 */
export function request(
  service: Service,
  machines: readonly Machine[],
  situation: Situation,
  out: Reconciliation,
): void {
  const limit = service.launchesOneByOne ? 1 : situation.batchLimit(service.provider);
  const sorted = [...machines].sort((a, b) => a.index - b.index);
  const tally = situation.state.tallies.services.get(service.name);
  const asking = [...(tally?.unlaunched ?? [])].filter((name) => situation.busy.has(machineSubject(name)));
  const open = (tally?.requested ?? 0) + asking.length;
  // Shares are not had or refused together.
  let needed =
    service.colocate === null ? service.count.min - (tally?.launched ?? 0) - open : machines.length;
  if (service.colocate === null && needed > (tally?.unlaunched.size ?? 0) - asking.length) {
    for (const { name } of sorted)
      out.decide.push({ kind: 'give-up', machine: name, failure: noMinimum(service) });
    return;
  }
  const mayAskForMore = needed <= 0 && open === 0;
  for (let at = 0; at < sorted.length && (needed > 0 || mayAskForMore); at += limit) {
    const names = sorted.slice(at, at + limit).map(({ name }) => name);
    out.start.push({
      kind: 'request',
      service: service.name,
      machines: names,
      min: Math.max(1, Math.min(names.length, needed)),
    });
    needed -= names.length;
  }
}

function noMinimum({ name, count }: Service) {
  return {
    step: 'launch',
    reason: 'refused',
    message: `Cannot launch: service "${name}" needs ${count.min} machines, and too many of them were refused`,
    exitCode: null,
    logTail: [],
    logPath: null,
  } as const;
}
