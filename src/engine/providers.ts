import type { Plan, ProviderConfig } from '../plan/plan.ts';
import type { Provider } from '../providers/provider.ts';
import type { Wiring } from './operation.ts';

/** The providers of one operation, each opened once. */
export interface Providers {
  /** Opens these, unless they are open. */
  open(names: Iterable<string>): Promise<void>;
  /** One that was opened. */
  get(name: string): Provider;
  close(): Promise<void>;
}

export function openProviders(wiring: Wiring, plan: Plan): Providers {
  const opened = new Map<string, Provider>();
  return {
    async open(names) {
      for (const name of names)
        if (!opened.has(name)) opened.set(name, await wiring.provider(configOf(name, plan)));
    },
    get(name) {
      const provider = opened.get(name);
      if (provider === undefined) throw new Error(`Provider "${name}" is not open. This is a bug in plan.`);
      return provider;
    },
    async close() {
      for (const provider of opened.values()) await provider.close();
    },
  };
}

/** A provider that machines still have and the plan no longer declares is known by its type. */
function configOf(name: string, plan: Plan): ProviderConfig {
  return plan.providers[name] ?? { name, type: name, options: {} };
}
