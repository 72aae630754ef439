import type { Machine } from '../machine.ts';
import { needsTeardown } from '../state/tally.ts';
import type { Tenants } from './colocation-tenants.ts';
import type { Reconciliation, Situation } from './situation.ts';
import { isDue } from './situation.ts';
import { machineSubject } from './step.ts';

/**
 * A machine that is to be replaced: those that share it leave it first, of whatever level, because nothing is left to
 * tear down on afterwards. Then it is torn down, and its instance goes.
 */
export function replace(
  machine: Machine,
  { tenants, isLookedAt }: { readonly tenants: Tenants; isLookedAt(tenant: Machine): boolean },
  situation: Situation,
  out: Reconciliation,
): void {
  const { id } = machine;
  const sharing = id === null ? [] : tenants.on(id);
  if (id === null || (sharing.length === 0 && !tenants.isBeingLeft(id))) {
    go(machine, situation, out);
    return;
  }
  const cause = `${machine.name} is replaced`;
  for (const tenant of sharing) {
    if (situation.busy.has(machineSubject(tenant.name)) || tenant.stage === 'leaving') continue;
    if (tenant.stage !== 'replacing')
      out.decide.push({ kind: 'revise', revision: { machine: tenant.name, to: 'replace', cause } });
    else if (!isLookedAt(tenant) && isDue(tenant, situation.now, out)) go(tenant, situation, out);
  }
}

function go(machine: Machine, situation: Situation, out: Reconciliation): void {
  const { name } = machine;
  if (needsTeardown(machine) && situation.hasTeardown(machine))
    out.start.push({ kind: 'teardown', machine: name });
  else out.decide.push({ kind: 'condemn', machine: name });
}
