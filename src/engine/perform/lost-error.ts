/** The machine is gone at its provider: there is nothing to connect to any more. */
export class LostError extends Error {
  override readonly name = 'LostError';
}
