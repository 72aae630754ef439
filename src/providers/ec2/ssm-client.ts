import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { Cancel } from '../provider.ts';
import { Ec2Error } from './api.ts';
import type { Calls } from './calls.ts';
import type { ClientSettings } from './client-settings.ts';
import { makeSilently } from './client-settings.ts';

export interface SsmClient {
  /** Null: there is no such parameter. */
  parameter(name: string, cancel: Cancel): Promise<string | null>;
  close(): void;
}

export function openSsm(settings: ClientSettings, calls: Calls): SsmClient {
  const client = makeSilently(() => new SSMClient(settings));
  return {
    async parameter(name, cancel) {
      try {
        const { Parameter } = await calls.make(
          {
            service: 'SSM',
            action: 'GetParameter',
            send: (options) => client.send(new GetParameterCommand({ Name: name }), options),
          },
          cancel,
        );
        return Parameter?.Value ?? null;
      } catch (error) {
        if (error instanceof Ec2Error && error.code.startsWith('ParameterNotFound')) return null;
        throw error;
      }
    },
    close: () => client.destroy(),
  };
}
