import type { Tags } from '../provider.ts';

const NAMES = ['deployment', 'uuid', 'owner', 'state'] as const satisfies readonly (keyof Tags)[];
const PREFIX = 'plan.';

/** Everything that this tool makes carries it. */
export const UUID_LABEL = `${PREFIX}uuid`;
export const BATCH_LABEL = `${PREFIX}batch`;
export const INDEX_LABEL = `${PREFIX}index`;
export const MACHINE_LABEL = `${PREFIX}machine`;
export const GENERATION_LABEL = `${PREFIX}generation`;
export const SERVICE_LABEL = `${PREFIX}service`;

export function labelsOf(tags: Tags): Readonly<Record<string, string>> {
  return Object.fromEntries(NAMES.map((name) => [PREFIX + name, tags[name]]));
}

export function tagsIn(labels: Readonly<Record<string, string>>): Partial<Tags> {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = labels[PREFIX + name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** What carries all of these tags; without one, everything of this tool. */
export function labelFilter(tags: Partial<Tags>): readonly string[] {
  const given = NAMES.flatMap((name) => {
    const value = tags[name];
    return value === undefined ? [] : [`${PREFIX}${name}=${value}`];
  });
  return [UUID_LABEL, ...given];
}

/** The deployment's own network, and what the names of its containers begin with. */
export function madeName({ deployment, uuid }: Partial<Tags>): string {
  return `plan-${deployment ?? ''}-${(uuid ?? '').slice(0, 8)}`.replaceAll(/[^\w.-]/g, '-');
}
