import type { Cancel, LabelChange, PowerAnswer } from '../provider.ts';
import type { Ec2Api } from './api.ts';
import { askForEach } from './each-id.ts';
import { NO_SUCH_INSTANCE } from './errors.ts';
import { isReserved } from './tags.ts';

/** EC2's limit for one call. */
const IDS_PER_CALL = 1_000;

/** What is wrong with an id, or with its tags; anything else is no answer. */
const REFUSALS = new Set([
  ...NO_SUCH_INSTANCE,
  'InvalidID',
  'InvalidID.NotFound',
  'InvalidParameterValue',
  'TagLimitExceeded',
]);

/** Machines with the same change share a call. This tool's own tags stay as they are. */
export async function label(
  api: Ec2Api,
  changes: ReadonlyMap<string, LabelChange>,
  cancel: Cancel,
): Promise<ReadonlyMap<string, PowerAnswer>> {
  const answers = new Map<string, PowerAnswer>([...changes.keys()].map((id) => [id, { kind: 'accepted' }]));
  for (const { change, ids } of groupsOf(changes)) {
    const calls: ((call: readonly string[]) => Promise<void>)[] = [];
    if (Object.keys(change.set).length > 0) calls.push((call) => api.createTags(call, change.set, cancel));
    if (change.remove.length > 0) calls.push((call) => api.deleteTags(call, change.remove, cancel));
    for (const call of calls) {
      const left = ids.filter((id) => answers.get(id)?.kind === 'accepted');
      const { refused } = await askForEach(
        left,
        IDS_PER_CALL,
        call,
        ({ code, message }) => (REFUSALS.has(code) ? message : undefined),
        cancel,
      );
      for (const [id, why] of refused) answers.set(id, { kind: 'cannot', why });
    }
  }
  return answers;
}

function groupsOf(
  changes: ReadonlyMap<string, LabelChange>,
): Iterable<{ readonly change: LabelChange; readonly ids: readonly string[] }> {
  const groups = new Map<string, { change: LabelChange; ids: string[] }>();
  for (const [id, { set, remove }] of changes) {
    const own = Object.entries(set).filter(([key]) => !isReserved(key));
    const change = {
      set: Object.fromEntries(own.toSorted(([one], [other]) => (one < other ? -1 : 1))),
      remove: remove.filter((key) => !isReserved(key)).toSorted(),
    };
    const key = JSON.stringify(change);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { change, ids: [id] });
    else group.ids.push(id);
  }
  return groups.values();
}
