import type { LaunchRequest, Tags } from '../../../src/providers/provider.ts';

export const TAGS: Tags = {
  deployment: 'shop',
  uuid: '3f0c9a52-6f0e-4b6c-9c1e-0d6a4a1f7b21',
  owner: 'ann@desk',
  state: '0123456789abcdef',
};

/** A request of service `web` for an Ubuntu, but for what is said otherwise. */
export function requestOf(rest: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    service: 'web',
    image: 'ami-0123456789abcdef0',
    directory: '/plans',
    options: {},
    labels: {},
    tags: TAGS,
    handsHostKey: false,
    resolved: null,
    ...rest,
  };
}
