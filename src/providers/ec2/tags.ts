import type { Tags } from '../provider.ts';
import type { Filters } from './api.ts';

/** Everything that this tool makes carries it, with the deployment's uuid. */
export const UUID_TAG = 'plan:uuid';
/** The login user of an instance, for whoever describes it later. */
export const USER_TAG = 'plan:user';
/** The token of the batch, beside EC2's own client token, which ends with the instance's record. */
export const BATCH_TAG = 'plan:batch';

const NAMES = ['deployment', 'uuid', 'owner', 'state'] as const satisfies readonly (keyof Tags)[];

/** Tags that this tool relies on: labels never change them. */
export function isReserved(key: string): boolean {
  return key === 'Name' || key.startsWith('plan:');
}

/** `plan:deployment`, `plan:uuid`, `plan:owner`, `plan:state`. */
export function ec2Tags(tags: Tags): Readonly<Record<string, string>> {
  return Object.fromEntries(NAMES.map((name) => [`plan:${name}`, tags[name]]));
}

export function planTags(tags: Readonly<Record<string, string>>): Partial<Tags> {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = tags[`plan:${name}`];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** What carries all of these tags; without one, everything of this tool. */
export function tagFilters(tags: Partial<Tags>): Filters {
  const filters = NAMES.flatMap((name) => {
    const value = tags[name];
    return value === undefined ? [] : [[`tag:plan:${name}`, [literal(value)]] as const];
  });
  return filters.length === 0 ? { 'tag-key': [UUID_TAG] } : Object.fromEntries(filters);
}

/** Of this deployment only, whatever it is called. */
export function uuidFilter(uuid: string): Filters {
  return { [`tag:${UUID_TAG}`]: [literal(uuid)] };
}

/** A filter's value has `*` and `?` as wildcards and `\` before what is none. */
function literal(value: string): string {
  return value.replaceAll(/[\\*?]/g, String.raw`\$&`);
}
