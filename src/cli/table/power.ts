import type { CommandSpec } from '../command-spec.ts';

/** What is done to machines: their power, their instances, their number. */
export const POWER_COMMANDS: readonly CommandSpec[] = [];
