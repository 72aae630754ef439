import type { Ec2Api } from '../../../src/providers/ec2/api.ts';

/** An API of which only these calls are expected; any other throws. For answers that no endpoint gives. */
export function scriptedApi(calls: Partial<Ec2Api>): Ec2Api {
  return new Proxy({ region: 'us-west-2', calls: new Map(), close: () => undefined, ...calls } as Ec2Api, {
    get(target, name: keyof Ec2Api) {
      if (!(name in target)) throw new Error(`Nothing says what ${name} answers`);
      return target[name];
    },
  });
}
