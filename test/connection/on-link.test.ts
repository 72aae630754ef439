import { expect, it } from 'vitest';
import { isOnLink } from '../../src/connection/on-link.ts';

it('isOnLink() knows the networks of this computer from others, and what is no address', () => {
  expect(['127.0.0.1', '127.99.1.2'].map(isOnLink)).toEqual([true, true]);
  // Reserved: no network has them.
  expect(['240.1.2.3', '2001:db8::1', '', 'container'].map(isOnLink)).toEqual([false, false, false, false]);
});
