import type { Wiring } from './operation.ts';
import type { TendRequest, TendResult } from './tend.ts';
import { tend } from './tend.ts';

export interface StopRequest extends TendRequest {
  /** Run teardown scripts first: what starts again is bootstrapped again. */
  readonly teardown: boolean;
}

/** Has providers stop machines, levels in reverse order; goes on whatever fails. Rejects as `repair` does. */
export function stop(
  wiring: Wiring,
  request: StopRequest,
  cancel: { readonly signal: AbortSignal },
): Promise<TendResult> {
  return tend(wiring, { ...request, verb: 'stop' }, cancel);
}
