import type { LaunchRequest } from '../../src/providers/provider.ts';

export const tags = { deployment: 'test', uuid: 'uuid-1', owner: 'tester', state: 'here' };

/** A launch of plain machines of service `web`, but for what is said otherwise. */
export function launchRequest(rest: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    service: 'web',
    image: null,
    directory: '/',
    options: {},
    labels: {},
    handsHostKey: true,
    resolved: null,
    tags,
    ...rest,
  };
}
