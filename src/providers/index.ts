import { UsageError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Provider } from './provider.ts';

/** A named configuration of the plan's `providers`; `local` and `operator` exist undeclared. */
export interface ProviderConfig {
  readonly type: string;
  readonly name: string;
  /** The configuration's other keys, rendered. */
  readonly options: Readonly<Record<string, Json>>;
}

export interface ProviderContext {
  /** Absolute path. */
  readonly stateDirectory: string;
  /** Where the deployment's machines are, as an earlier `prepare` answered; null or absent: none did. */
  readonly place?: string | null;
}

/**
 * Opens a provider, loading only the code of its type. Rejects with `UsageError` for a type that does not exist, for a
 * configuration that makes no sense, and for one of another place than the machines'.
 */
export async function openProvider(
  config: ProviderConfig,
  { stateDirectory, place = null }: ProviderContext,
): Promise<Provider> {
  switch (config.type) {
    case 'local': {
      const { createLocalProvider } = await import('./local/local.ts');
      return createLocalProvider({ stateDirectory: place ?? stateDirectory, place });
    }
    case 'operator': {
      const { createOperatorProvider } = await import('./operator/operator.ts');
      return createOperatorProvider({ stateDirectory: place ?? stateDirectory, place });
    }
    case 'docker': {
      const { createDockerProvider } = await import('./docker/docker.ts');
      const { host = null, context = null } = config.options;
      return await createDockerProvider({ host: textOf(host), context: textOf(context), place });
    }
    case 'hosts': {
      const { createHostsProvider } = await import('./hosts/hosts.ts');
      return createHostsProvider({ config, stateDirectory });
    }
    case 'ec2': {
      const [{ createEc2Provider }, { readConfig }] = await Promise.all([
        import('./ec2/ec2.ts'),
        import('./ec2/read-config.ts'),
      ]);
      return await createEc2Provider(readConfig(config), { stateDirectory, place });
    }
    default:
      throw new UsageError(
        `Cannot use provider "${config.name}": there is no type "${config.type}"`,
        'The types are: local, operator, docker, hosts, ec2.',
      );
  }
}

function textOf(value: Json): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}
