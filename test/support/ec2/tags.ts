import { invalid } from './api-error.ts';
import type { Params } from './params.ts';

/** Tags of a resource as they were from a time on; the first entry is what it was made with. */
export type TagHistory = { since: number; tags: ReadonlyMap<string, string> }[];

export interface Tagged {
  readonly tags: TagHistory;
}

const NONE: ReadonlyMap<string, string> = new Map();

export function currentTags({ tags }: Tagged): ReadonlyMap<string, string> {
  return tags.at(-1)?.tags ?? NONE;
}

/** Tags that describing calls see: those of `lag` ms ago, or those that it was made with. */
export function visibleTags(resource: Tagged, now: number, lag: number): ReadonlyMap<string, string> {
  if (lag === 0) return currentTags(resource);
  const { tags } = resource;
  return (tags.findLast(({ since }) => since <= now - lag) ?? tags[0])?.tags ?? NONE;
}

export function changeTags(
  { tags: history }: Tagged,
  now: number,
  change: (tags: Map<string, string>) => void,
): void {
  const tags = new Map(history.at(-1)?.tags);
  change(tags);
  if (tags.size > 50) throw invalid('The maximum number of tags for a resource has been reached');
  history.push({ since: now, tags });
}

export function tagSet(tags: ReadonlyMap<string, string>): readonly { key: string; value: string }[] {
  return [...tags].map(([key, value]) => ({ key, value }));
}

/** Tags of a list named `Tag`; throws InvalidParameterValue. */
export function readTags(params: Params): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  for (const tag of params.structures('Tag')) {
    const key = tag.text('Key') ?? '';
    const value = tag.text('Value') ?? '';
    if (key === '' || key.length > 127) {
      throw invalid(`Tag key '${key}' exceeds the maximum length of 127 characters or is empty`);
    }
    if (value.length > 256) throw invalid(`Tag value exceeds the maximum length of 256 characters`);
    if (key.startsWith('aws:')) {
      throw invalid(`Tag keys starting with 'aws:' are reserved for internal use`);
    }
    if (tags.has(key)) throw invalid(`Duplicate tag key '${key}' specified.`);
    tags.set(key, value);
  }
  if (tags.size > 50) throw invalid('The maximum number of tags for a resource has been reached');
  return tags;
}

/** Of TagSpecification, by resource type. */
export function readTagSpecifications(
  params: Params,
  allowed: readonly string[],
): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const byType = new Map<string, ReadonlyMap<string, string>>();
  for (const specification of params.structures('TagSpecification')) {
    const type = specification.required('ResourceType');
    if (!allowed.includes(type))
      throw invalid(`'${type}' is not a valid taggable resource type for this operation.`);
    if (byType.has(type)) throw invalid(`Duplicate resource type '${type}' specified in TagSpecification.`);
    byType.set(type, readTags(specification));
  }
  return byType;
}
