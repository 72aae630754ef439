import { connect, isIPv4, isIPv6 } from 'node:net';

import type { Cancel } from '../provider.ts';
import { ProviderError } from '../provider.ts';

/** AWS's own service that answers the address it is asked from. */
const CHECK_IP = 'https://checkip.amazonaws.com';
const LIMIT = 5_000;

/**
 * The address block of this computer as a cloud sees it: `203.0.113.7/32`. `endpoint`: URL of an EC2-compatible cloud;
 * null: AWS. Rejects with `ProviderError`, or with the signal's reason.
 */
export async function operatorAddress(
  endpoint: string | null,
  cancel: Cancel,
  checkIp = CHECK_IP,
): Promise<string> {
  cancel.signal.throwIfAborted();
  const signal = AbortSignal.any([cancel.signal, AbortSignal.timeout(LIMIT)]);
  try {
    return endpoint === null
      ? await askFor(checkIp, signal)
      : await localAddressTo(new URL(endpoint), signal);
  } catch (error) {
    cancel.signal.throwIfAborted();
    throw new ProviderError(
      `Cannot find out the address that SSH is to be admitted from: ${error instanceof Error ? error.message : String(error)}.\n` +
        'Set sshFrom in the configuration of the provider, to address blocks such as "203.0.113.0/24".',
      { cause: error },
    );
  }
}

async function askFor(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal });
  const text = (await response.text()).trim();
  const block = blockOf(text);
  if (!response.ok || block === null) throw new Error(`"${url}" answers ${response.status} and no address`);
  return block;
}

/** Machines of a cloud at hand see the address from which the cloud's endpoint is reached. */
function localAddressTo({ hostname, port, protocol }: URL, signal: AbortSignal): Promise<string> {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const number = port === '' ? { 'http:': 80 }[protocol] : Number(port);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: number ?? 443, signal });
    socket.once('error', reject);
    socket.once('connect', () => {
      const block = blockOf(socket.localAddress ?? '');
      socket.destroy();
      if (block === null) reject(new Error(`"${host}" is reached from no address`));
      else resolve(block);
    });
  });
}

function blockOf(address: string): string | null {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (isIPv4(plain)) return `${plain}/32`;
  return isIPv6(plain) ? `${plain}/128` : null;
}
