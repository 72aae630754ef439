import { ListServiceQuotasCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import type { Cancel } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { Ec2Error } from './api.ts';
import type { Calls } from './calls.ts';
import type { ClientSettings } from './client-settings.ts';
import { makeSilently } from './client-settings.ts';

export interface QuotasClient {
  /** EC2's quotas by code; null where they are not told, for whatever reason. */
  quotas(cancel: Cancel): Promise<ReadonlyMap<string, number> | null>;
  close(): void;
}

/** Quotas only improve a check: no more tries than this for them. */
const TRIES = 2;

export function openQuotas(settings: ClientSettings, calls: Calls): QuotasClient {
  const client = makeSilently(() => new ServiceQuotasClient(settings));
  return {
    async quotas(cancel) {
      const found = new Map<string, number>();
      let token: string | undefined;
      try {
        do {
          const page = await calls.make(
            {
              service: 'Service Quotas',
              action: 'ListServiceQuotas',
              tries: TRIES,
              send: (options) =>
                client.send(
                  new ListServiceQuotasCommand({ ServiceCode: 'ec2', MaxResults: 100, NextToken: token }),
                  options,
                ),
            },
            cancel,
          );
          for (const { QuotaCode, Value } of page.Quotas ?? [])
            if (QuotaCode !== undefined && Value !== undefined) found.set(QuotaCode, Value);
          token = page.NextToken;
        } while (token !== undefined);
      } catch (error) {
        if (error instanceof Ec2Error || error instanceof ProviderError) return null;
        throw error;
      }
      return found.size === 0 ? null : found;
    },
    close: () => client.destroy(),
  };
}
