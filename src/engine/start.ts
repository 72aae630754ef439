import type { Wiring } from './operation.ts';
import type { TendRequest, TendResult } from './tend.ts';
import { tend } from './tend.ts';

/**
 * Starts machines that are off, levels in order, and sees that they are ready again; bootstraps only where that was
 * never done or a stop has torn it down. Launches nothing. Rejects as `repair` does.
 */
export function start(
  wiring: Wiring,
  request: TendRequest,
  cancel: { readonly signal: AbortSignal },
): Promise<TendResult> {
  return tend(wiring, { ...request, verb: 'start', teardown: false }, cancel);
}
