import { ConnectionError } from './connection.ts';

/**
 * What should let in is of no use as it stands on this computer, a private key or an agent: no machine has refused it,
 * trying again changes nothing.
 */
export class PrivateKeyError extends ConnectionError {
  constructor(message: string, options?: ErrorOptions) {
    super('authentication', message, options);
    this.name = 'PrivateKeyError';
  }
}
