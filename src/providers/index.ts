import { UsageError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Provider } from './provider.ts';

/** A named configuration of the plan's `providers`; `local` exists undeclared. */
export interface ProviderConfig {
  readonly type: string;
  readonly name: string;
  /** The configuration's other keys, rendered. */
  readonly options: Readonly<Record<string, Json>>;
}

export interface ProviderContext {
  /** Absolute path. */
  readonly stateDirectory: string;
  /** Where machines of it are as far as is recorded, as `prepare` answered it; null or absent: nothing is known. */
  readonly place?: string | null;
}

/** Opens a provider, loading only the code of its type. Rejects with `UsageError` for a type that does not exist. */
export async function openProvider(config: ProviderConfig, context: ProviderContext): Promise<Provider> {
  if (config.type !== 'local') {
    throw new UsageError(
      `Cannot use provider "${config.name}": there is no type "${config.type}"`,
      'The types are: local.',
    );
  }
  const { createLocalProvider } = await import('./local/local.ts');
  return createLocalProvider({ stateDirectory: context.stateDirectory });
}
