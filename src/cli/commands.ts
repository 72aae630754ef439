import type { CommandGroup } from './command-shape.ts';
import type { CommandSpec } from './command-spec.ts';
import { LIFETIME_COMMANDS } from './table/lifetime.ts';
import { LIFECYCLE_COMMANDS } from './table/lifecycle.ts';
import { PLAN_COMMANDS } from './table/plans.ts';
import { POWER_COMMANDS } from './table/power.ts';
import { RECORD_COMMANDS } from './table/records.ts';
import { UPKEEP_COMMANDS } from './table/upkeep.ts';
import { WORK_COMMANDS } from './table/work.ts';

/** Every command, in the order of help. */
export const COMMAND_GROUPS: readonly CommandGroup<CommandSpec>[] = [
  { title: 'Deployments', commands: [...LIFECYCLE_COMMANDS, ...LIFETIME_COMMANDS] },
  { title: 'Machines', commands: [...WORK_COMMANDS, ...POWER_COMMANDS] },
  { title: 'Plans', commands: PLAN_COMMANDS },
  { title: 'What is recorded', commands: RECORD_COMMANDS },
  { title: 'Upkeep', commands: UPKEEP_COMMANDS },
];

export const COMMANDS = COMMAND_GROUPS.flatMap(({ commands }) => commands);
