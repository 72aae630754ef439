import type { RecordedFact } from '../state/store.ts';
import { loadDeployment, openForReading } from './deployments.ts';
import type { FollowOptions } from './follow.ts';
import { follow } from './follow.ts';
import type { Session } from './session.ts';

export interface EventsOptions extends FollowOptions {
  /** Only facts with a greater number than this. Default: 0, all of them. */
  readonly after?: number | undefined;
}

/** Facts that are read at a time. */
const PAGE = 1_000;

/** Yields what is recorded of a deployment, oldest first. */
export async function* readEvents(
  { directory }: Session,
  name: string,
  options: EventsOptions & { readonly signal: AbortSignal },
): AsyncGenerator<RecordedFact, void, undefined> {
  await using store = await openForReading(directory);
  const state = await loadDeployment(store, name);
  let after = options.after ?? 0;
  yield* follow({ ...options, store, state }, async function* () {
    for (;;) {
      const page = await store.events(state.uuid, { after, limit: PAGE });
      after = page.at(-1)?.number ?? after;
      yield* page;
      if (page.length < PAGE) return;
    }
  });
}
