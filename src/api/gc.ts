import { resolve } from 'node:path';
import { findOrphans } from '../engine/gc.ts';
import type { Orphan } from '../engine/orphans.ts';
import { openForReading, withStore } from './deployments.ts';
import type { TargetProblem } from './gc-targets.ts';
import { gcTargets } from './gc-targets.ts';
import type { InputOptions } from './given-inputs.ts';
import { inputSource } from './given-inputs.ts';
import type { Session } from './session.ts';
import { openWiring } from './wiring.ts';

export type { Orphan } from '../engine/orphans.ts';

export interface GcRequest extends InputOptions {
  /** Paths of plans whose providers are asked beside those of all recorded deployments. */
  readonly plans?: readonly string[] | undefined;
  /** Only what this `user@host` made. */
  readonly owner?: string | undefined;
  /** Only what is older, in milliseconds; what has no age is not. */
  readonly olderThan?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Why something is not known; `deployment` and `plan` (a path) are null where none is to blame. */
export interface GcProblem extends Omit<TargetProblem, 'plan'> {
  readonly plan: string | null;
}

/** What was found at providers, which stay open until it is disposed of. */
export interface GcSurvey extends AsyncDisposable {
  /** What this tool made and no deployment of the state directory accounts for; by owner, the oldest first. */
  readonly orphans: readonly Orphan[];
  /** Those of them that may go: what another state directory may account for goes only when its owner was named. */
  readonly removable: readonly Orphan[];
  /** Providers that could not be asked. */
  readonly problems: readonly GcProblem[];
  /** Epoch milliseconds. */
  readonly at: number;
  /** Removes these, machines first, whatever fails. Answers why those that are left are left. */
  remove(
    orphans: readonly Orphan[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<ReadonlyMap<Orphan, string>>;
}

/** Asks providers for what is left over. Rejects with `UsageError` for an input that no plan declares. */
export async function surveyOrphans(
  session: Session,
  request: GcRequest & { readonly signal: AbortSignal },
): Promise<GcSurvey> {
  const { directory, cwd } = session;
  const store = await openForReading(directory);
  // Where it may only be read, a store is a copy of the moment at which it was opened.
  const fresh = { ...store, ledger: () => withStore(directory, (opened) => opened.ledger()) };
  const wiring = openWiring(session, { store: fresh, observe: () => undefined });
  try {
    const plans = (request.plans ?? []).map((plan) => resolve(cwd, plan));
    const { targets, problems } = await gcTargets(store, { plans, inputs: inputSource(session, request) });
    const survey = await findOrphans(wiring, targets, request);
    const at = wiring.clock.now();
    const orphans = survey.orphans.filter((orphan) => isMeant(orphan, request, at));
    return {
      orphans,
      removable: orphans.filter((orphan) => mayGo(orphan, request)),
      problems: [
        ...problems,
        ...survey.problems.map(({ target, message }): GcProblem => ({
          provider: target.config.name,
          deployment: null,
          plan: null,
          message,
        })),
      ],
      at,
      remove: (doomed, { signal = request.signal } = {}) => survey.remove(doomed, { signal }),
      async [Symbol.asyncDispose]() {
        try {
          await survey[Symbol.asyncDispose]();
        } finally {
          await close();
        }
      },
    };
  } catch (error) {
    await close();
    throw error;
  }

  async function close(): Promise<void> {
    try {
      await wiring[Symbol.asyncDispose]();
    } finally {
      await store[Symbol.asyncDispose]();
    }
  }
}

/** Of what has no age nobody knows that it is older. */
function isMeant({ holding }: Orphan, { owner, olderThan }: GcRequest, now: number): boolean {
  if (owner !== undefined && holding.tags.owner !== owner) return false;
  return olderThan === undefined || (holding.since !== null && now - holding.since >= olderThan);
}

function mayGo({ holding, isOurs }: Orphan, { owner }: GcRequest): boolean {
  return isOurs || (owner !== undefined && holding.tags.owner === owner);
}
