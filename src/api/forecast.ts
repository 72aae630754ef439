export type { Difference, Forecast, RevisionAction, ScaledService } from '../engine/difference.ts';
export { isForGood } from '../engine/difference.ts';
