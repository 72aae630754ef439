export type { Difference, Forecast } from '../engine/difference.ts';
export { isForGood } from '../engine/difference.ts';
