import type { GivenInputs, PlanDocument, Resolved } from '../plan/load.ts';
import { resolvePlan } from '../plan/load.ts';
import type { ProviderConfig } from '../plan/plan.ts';

export interface ProviderConfigs {
  readonly configs: ReadonlyMap<string, ProviderConfig>;
  readonly problems: readonly {
    /** Null: no provider of the plan can be used. */
    readonly provider: string | null;
    readonly message: string;
  }[];
}

/** The provider configurations of a plan; one that cannot be used, for want of an input, keeps no other from it. */
export function configsOf(
  document: PlanDocument,
  deployment: string | null,
  inputs: GivenInputs,
): ProviderConfigs {
  const names = [...(document.draft?.providers.keys() ?? [])];
  const all = resolved(names);
  if (all.plan !== null) return { configs: new Map(Object.entries(all.plan.providers)), problems: [] };
  const none = resolved([]);
  if (none.plan === null)
    return { configs: new Map(), problems: [{ provider: null, message: wordsOf(none) }] };
  const configs = new Map<string, ProviderConfig>();
  const problems: { readonly provider: string; readonly message: string }[] = [];
  for (const provider of names) {
    const only = resolved([provider]);
    const config = only.plan?.providers[provider];
    if (config === undefined) problems.push({ provider, message: wordsOf(only) });
    else configs.set(provider, config);
  }
  return { configs, problems };

  function resolved(providers: readonly string[]): Resolved {
    return resolvePlan(document, { deployment, inputs, need: 'none', providers });
  }
}

function wordsOf({ problems }: Resolved): string {
  return problems
    .map(
      ({ file, line, message, suggestion }) =>
        `${file}:${line}: ${message}${suggestion === null ? '' : `. ${suggestion}`}`,
    )
    .join('\n');
}
