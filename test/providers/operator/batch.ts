import type { LaunchBatch, LaunchRequest, Tags } from '../../../src/providers/provider.ts';

export const TAGS: Tags = { deployment: 'demo', uuid: 'uuid-demo', owner: 'ann@desk', state: 'here' };

/** A batch that the operator's computer can take. */
export function batchOf(
  token: string,
  count = 1,
  tags: Tags = TAGS,
  change: Partial<LaunchRequest> = {},
): LaunchBatch {
  return {
    token,
    machines: Array.from({ length: count }, (_, index) => ({ name: `smoke-${index}`, generation: 1 })),
    min: 1,
    request: {
      service: 'smoke',
      image: null,
      directory: '/',
      options: {},
      labels: { tier: 'test' },
      handsHostKey: false,
      resolved: null,
      tags,
      ...change,
    },
  };
}
