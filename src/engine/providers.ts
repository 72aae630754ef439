import { isShared } from '../colocation.ts';
import type { Plan, ProviderConfig } from '../plan/plan.ts';
import type { Provider } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { createColocation } from './colocation.ts';
import type { Wiring } from './operation.ts';

/** The providers of one operation, each opened once. */
export interface Providers {
  /** Opens these, unless they are open. */
  open(names: Iterable<string>): Promise<void>;
  /** One that was opened. */
  get(name: string): Provider;
  /** Tells how often their APIs were called, and frees them. */
  close(): Promise<void>;
}

export interface ProviderSources {
  /** Plans that declare providers which the plan does not declare any more: those that machines came from. */
  readonly olderPlans?: Iterable<Plan>;
  /** Where machines of a provider are, by its name. */
  readonly places?: ReadonlyMap<string, string | null>;
  /** The deployment that API calls are told of; absent: they are not told. */
  readonly state?: DeploymentState;
}

export function openProviders(
  wiring: Pick<Wiring, 'provider' | 'observe'>,
  plan: Plan,
  { olderPlans = [], places, state }: ProviderSources = {},
): Providers {
  const opened = new Map<string, Provider>();
  const plans = [plan, ...olderPlans];
  /** Machines that were there at some time of the operation, by provider. */
  const seen = new Map<string, Set<string>>();
  async function openOne(name: string): Promise<Provider> {
    if (isShared(name) && state !== undefined) return createColocation(state);
    return await wiring.provider(configOf(name, plans), places?.get(name) ?? null);
  }

  return {
    async open(names) {
      for (const name of names) if (!opened.has(name)) opened.set(name, await openOne(name));
      look();
    },
    get(name) {
      const provider = opened.get(name);
      if (provider === undefined) throw new Error(`Provider "${name}" is not open. This is a bug in plan.`);
      return provider;
    },
    async close() {
      look();
      for (const [name, provider] of opened) {
        if (state !== undefined && provider.apiCalls.size > 0)
          wiring.observe(
            {
              type: 'api-calls',
              provider: name,
              calls: Object.fromEntries(provider.apiCalls),
              machines: seen.get(name)?.size ?? 0,
            },
            state,
          );
        await provider.close();
      }
    },
  };

  function look(): void {
    for (const { name, provider, stage } of state?.machines.values() ?? []) {
      if (stage === 'none' || stage === 'gone') continue;
      const names = seen.get(provider) ?? new Set();
      seen.set(provider, names.add(name));
    }
  }
}

/** The configuration of the first plan that declares it; one that none declares is known by its type. */
function configOf(name: string, plans: readonly Plan[]): ProviderConfig {
  for (const { providers } of plans) {
    const config = providers[name];
    if (config !== undefined) return config;
  }
  return { name, type: name, options: {} };
}
