import { refuseForecast } from '../engine/protect.ts';
import type { Planned } from './planned.ts';

/** Throws `UsageError` when an `up` would terminate or replace protected machines. */
export function refuseProtected({ plan, state, forecast }: Planned): void {
  if (state !== null) refuseForecast(forecast, plan, state);
}
