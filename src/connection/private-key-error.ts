import { ConnectionError } from './connection.ts';

/** A private key that is of no use as it stands on this computer: no machine is asked, trying again changes nothing. */
export class PrivateKeyError extends ConnectionError {
  constructor(message: string, options?: ErrorOptions) {
    super('authentication', message, options);
    this.name = 'PrivateKeyError';
  }
}
