import type { Json } from '../../json.ts';
import type { LaunchRequest } from '../provider.ts';
import type { OptionProblem } from './problem.ts';
import { problem } from './problem.ts';
import { ec2Tags, USER_TAG } from './tags.ts';

const MAX_TAGS = 50;
/** The batch's, which is added when it is launched. */
const ADDED_LATER = 1;
const MAX_KEY = 128;
const MAX_VALUE = 256;

/** As EC2 takes them. */
export type TagList = readonly { readonly Key: string; readonly Value: string }[];

export type InstanceTags = { readonly kind: 'tags'; readonly tags: TagList } | OptionProblem;

/**
 * What a machine and its volumes are tagged with. `own`: `ec2.tags`; labels win over it, as they do when they change
 * later, and nothing wins over plan's.
 */
export function instanceTags(
  { service, labels, tags }: Pick<LaunchRequest, 'service' | 'labels' | 'tags'>,
  own: Readonly<Record<string, string>>,
  loginUser: string,
): InstanceTags {
  for (const [source, written] of [
    ['labels', labels],
    ['ec2.tags', own],
  ] as const) {
    for (const [key, value] of Object.entries(written)) {
      const wrong = wrongTag(key, value);
      if (wrong !== null) return problem(`Cannot use ${source}.${key}: ${wrong}`, HINT);
    }
  }
  const all = {
    ...own,
    ...labels,
    ...ec2Tags(tags),
    'plan:service': service,
    [USER_TAG]: loginUser,
    Name: `${tags.deployment} ${service}`,
  };
  const count = Object.keys(all).length + ADDED_LATER;
  if (count > MAX_TAGS) {
    return problem(
      `Cannot tag machines of service "${service}": they would have ${count} tags, and EC2 takes ${MAX_TAGS}`,
      'Leave out some of its labels or ec2.tags.',
    );
  }
  return { kind: 'tags', tags: tagList(all) };
}

const HINT = `A tag's name has 1 to ${MAX_KEY} characters and does not begin with "aws:" or "plan:", its value has at most ${MAX_VALUE}.`;

function wrongTag(key: string, value: string): string | null {
  if (/^(?:aws|plan):/i.test(key))
    return `tags that begin with "${key.slice(0, key.indexOf(':') + 1)}" are taken`;
  const [keyLength, valueLength] = [Array.from(key).length, Array.from(value).length];
  if (keyLength < 1 || keyLength > MAX_KEY) return `the name of a tag has 1 to ${MAX_KEY} characters`;
  return valueLength > MAX_VALUE ? `the value of a tag has at most ${MAX_VALUE} characters` : null;
}

export function tagList(tags: Readonly<Record<string, string>>): TagList {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** With these in place of those of the same names. */
export function replaceTags(list: Json | undefined, tags: Readonly<Record<string, string>>): TagList {
  const others = ((list ?? []) as TagList).filter(({ Key }) => !(Key in tags));
  return [...others, ...tagList(tags)];
}
