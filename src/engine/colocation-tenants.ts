import { instanceOf, isShared } from '../colocation.ts';
import type { Machine } from '../machine.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** Who shares machines, by the instance that is shared. */
export interface Tenants {
  /** Machines with a share of this instance, of whatever level, also such as the plan does not ask for any more. */
  on(instance: string): readonly Machine[];
  /** True while what a share has left on the instance is still to be removed. */
  isBeingLeft(instance: string): boolean;
}

const NOBODY: Tenants = { on: () => [], isBeingLeft: () => false };

/** Looks through all machines, when it is first asked, where there are any that share others'. */
export function tenantsIn(state: DeploymentState): Tenants {
  let known: Tenants | undefined;
  const tenants = (): Tenants => (known ??= haveShares(state) ? lookThrough(state) : NOBODY);
  return {
    on: (instance) => tenants().on(instance),
    isBeingLeft: (instance) => tenants().isBeingLeft(instance),
  };
}

function haveShares({ plan, instances }: DeploymentState): boolean {
  if (plan?.levels.some(({ services }) => services.some(({ provider }) => isShared(provider))) === true)
    return true;
  for (const { provider } of instances.values()) if (isShared(provider)) return true;
  return false;
}

function lookThrough({ machines, instances, condemned }: DeploymentState): Tenants {
  const on = new Map<string, Machine[]>();
  for (const machine of machines.values()) {
    if (!isShared(machine.provider) || machine.id === null || machine.stage === 'gone') continue;
    const instance = instanceOf(machine.id);
    const group = on.get(instance);
    if (group === undefined) on.set(instance, [machine]);
    else group.push(machine);
  }
  const left = new Set<string>();
  for (const id of condemned) if (isShared(instances.get(id)?.provider ?? '')) left.add(instanceOf(id));
  return { on: (instance) => on.get(instance) ?? [], isBeingLeft: (instance) => left.has(instance) };
}
