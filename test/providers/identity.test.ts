import { describe, expect, it } from 'vitest';

import { identityOf } from '../../src/providers/identity.ts';

describe('identityOf()', () => {
  it.each([
    ['ec2', { region: 'r', accessKeyId: 'k', pollInterval: '1s' }, { region: 'r', endpoint: null }],
    ['docker', { host: 'tcp://engine:2375' }, { host: 'tcp://engine:2375', context: null }],
    ['docker', { context: 'desk' }, { host: null, context: 'desk' }],
    ['hosts', { hosts: ['10.0.0.5'] }, null],
    ['operator', {}, {}],
    ['local', {}, {}],
  ])('of %s %j', (type, options, identity) => {
    expect(identityOf({ type, options })).toEqual(identity);
  });
});
