import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, it } from 'vitest';

import { operatorAddress } from '../../../src/providers/ec2/operator-address.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import { cancel } from './provider-on-endpoint.ts';

async function serving<T>(status: number, body: string, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

it('operatorAddress() is what AWS says it is', async () => {
  expect(await serving(200, '203.0.113.7\n', (url) => operatorAddress(null, cancel, url))).toBe(
    '203.0.113.7/32',
  );
  expect(await serving(200, '2001:db8::7\n', (url) => operatorAddress(null, cancel, url))).toBe(
    '2001:db8::7/128',
  );
});

it('operatorAddress() of a cloud at hand is the local end of a connection to it', async () => {
  expect(await serving(200, '', (url) => operatorAddress(url, cancel))).toBe('127.0.0.1/32');
});

it('operatorAddress() says what to configure when it cannot be found out', async () => {
  const hint = /Cannot find out the address that SSH is to be admitted from: [^]+\nSet sshFrom in the /;
  const failures = [
    () => serving(200, '<html>log in</html>', (url) => operatorAddress(null, cancel, url)),
    () => serving(503, '203.0.113.7', (url) => operatorAddress(null, cancel, url)),
    () => operatorAddress('http://127.0.0.1:1', cancel),
  ];
  for (const fail of failures) {
    const failure = await fail().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ProviderError);
    expect(String(failure)).toMatch(hint);
  }
});

it('operatorAddress() rejects with the reason of a signal', async () => {
  const reason = new Error('interrupted');
  await expect(operatorAddress(null, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
