import { describe, expect, it } from 'vitest';
import { parseForward } from '../../src/cli/forward-spec.ts';
import { UsageError } from '../../src/errors.ts';

describe('parseForward()', () => {
  it.each([
    ['5432', undefined, 5432, 5432],
    ['8080:80', undefined, 8080, 80],
    ['0:80', undefined, 0, 80],
    ['0.0.0.0:8080:80', '0.0.0.0', 8080, 80],
    ['localhost:0:80', 'localhost', 0, 80],
    ['[::1]:8080:80', '::1', 8080, 80],
  ])('reads %s', (text, address, local, port) => {
    expect(parseForward(text)).toEqual({ address, local, port });
  });

  it.each(['', 'x', '80:', ':80', '0', '8080:0', '65536', '99999:80', '::1:80:80', '-1', '80:80:80:80'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseForward(text)).toThrow(UsageError);
    },
  );
});
