import type { CommandSpec } from '../command-spec.ts';

/** How long deployments last, and where they are kept. */
export const LIFETIME_COMMANDS: readonly CommandSpec[] = [];
