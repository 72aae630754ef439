import type { CommandSpec } from '../command-spec.ts';

/** What is done on machines: commands, files, terminals, ports. */
export const WORK_COMMANDS: readonly CommandSpec[] = [];
