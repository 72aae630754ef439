import type { Wiring } from './operation.ts';
import type { TendRequest, TendResult } from './tend.ts';
import { tend } from './tend.ts';

/**
 * Has providers reboot machines, levels in order, and sees that they are ready again. One that is off is started.
 * Rejects as `repair` does.
 */
export function reboot(
  wiring: Wiring,
  request: TendRequest,
  cancel: { readonly signal: AbortSignal },
): Promise<TendResult> {
  return tend(wiring, { ...request, verb: 'reboot', teardown: false }, cancel);
}
