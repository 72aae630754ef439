import { spellDuration } from '../duration.ts';
import { PlanError, StateError } from '../errors.ts';
import type { Holding, Provider } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import { within } from './limit.ts';
import type { Wiring } from './operation.ts';
import type { Orphan, Target } from './orphans.ts';
import { accountant, inOrder } from './orphans.ts';
import { stateId } from './tags.ts';

/** What was found at providers, which stay open until it is disposed. */
export interface Survey extends AsyncDisposable {
  /** By owner, the oldest first. */
  readonly orphans: readonly Orphan[];
  /** Providers that could not be asked. */
  readonly problems: readonly SurveyProblem[];
  /** Removes these, machines first, whatever fails. Answers why those that are left are left. */
  remove(orphans: readonly Orphan[], cancel: Cancel): Promise<ReadonlyMap<Orphan, string>>;
}

export interface SurveyProblem {
  readonly target: Target;
  readonly message: string;
}

interface Cancel {
  readonly signal: AbortSignal;
}

/** Milliseconds within which a provider has to tell what it holds, and to remove what it is asked to. */
const LIMIT = { ask: 120_000, remove: 900_000 } as const;

/**
 * Asks every target for what it holds and answers what no deployment of the store accounts for. Takes no lock: whatever
 * an operation launches or prepares it records before, and what it ends is gone before that is recorded. So the ledger
 * is read after providers were asked, and they are asked again for what the ledger lacks: what is there both times is
 * an orphan.
 */
export async function findOrphans(
  wiring: Pick<Wiring, 'store' | 'clock' | 'provider'>,
  targets: readonly Target[],
  cancel: Cancel,
): Promise<Survey> {
  const { store } = wiring;
  const problems: SurveyProblem[] = [];
  const opened = new Map<Target, Provider>();
  /** Two configurations may lead to the same place. */
  const seenBy = new Map<string, readonly Target[]>();
  const close = async (): Promise<void> => {
    for (const provider of opened.values()) await provider.close();
  };
  try {
    for (const target of targets) {
      const provider = await orProblem(target, () => wiring.provider(target.config, target.place));
      if (provider !== undefined) opened.set(target, provider);
    }
    return {
      orphans: inOrder(await find()),
      problems,
      remove,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }

  async function find(): Promise<readonly Orphan[]> {
    const held = await holdingsOf([...opened.keys()]);
    for (const [target, holdings] of held)
      for (const holding of holdings) {
        const identity = identityOf(holding, target);
        seenBy.set(identity, [...(seenBy.get(identity) ?? []), target]);
      }
    const isAccountedFor = await account();
    const suspects = [...held].flatMap(([target, holdings]) =>
      holdings.filter((holding) => !isAccountedFor(holding, target)).map((holding) => ({ holding, target })),
    );
    const still = await holdingsOf([...new Set(suspects.map(({ target }) => target))]);
    const there = new Set(
      [...still].flatMap(([target, holdings]) => holdings.map((holding) => identityOf(holding, target))),
    );
    const state = ownState();
    const found = suspects.filter(({ holding, target }) => there.delete(identityOf(holding, target)));
    return found.map((one) => ({ ...one, isOurs: state !== null && one.holding.tags.state === state }));
  }

  async function account(): Promise<(holding: Holding, target: Target) => boolean> {
    const ledger = await store.ledger();
    const failed = new Set(problems.map(({ target }) => target));
    const isAccountedFor = accountant(
      ledger,
      targets.filter((target) => !failed.has(target)),
    );
    return (holding, target) => isAccountedFor(holding, seenBy.get(identityOf(holding, target)) ?? [target]);
  }

  /** Null: the key that tells is not there, so nothing counts as made here. */
  function ownState(): string | null {
    try {
      return stateId(store);
    } catch (error) {
      if (error instanceof StateError) return null;
      throw error;
    }
  }

  async function holdingsOf(asked: readonly Target[]): Promise<ReadonlyMap<Target, readonly Holding[]>> {
    const answers = await Promise.all(
      asked.map(async (target) => {
        const provider = opened.get(target);
        const holdings = await orProblem(target, () =>
          limited(LIMIT.ask, wiring, cancel, async (limit) => provider?.holdings(limit)),
        );
        return [target, holdings ?? []] as const;
      }),
    );
    return new Map(answers);
  }

  async function remove(orphans: readonly Orphan[], removal: Cancel): Promise<ReadonlyMap<Orphan, string>> {
    const left = new Map<Orphan, string>();
    const isAccountedFor = await account();
    for (const orphan of orphans)
      if (isAccountedFor(orphan.holding, orphan.target)) left.set(orphan, 'a deployment accounts for it now');
    await Promise.all(
      [...opened].map(async ([target, provider]) => {
        const own = orphans.filter((orphan) => orphan.target === target && !left.has(orphan));
        if (own.length === 0) return;
        const isOther = ({ holding }: Orphan): number => Number(holding.kind !== 'machine');
        const holdings = own.toSorted((a, b) => isOther(a) - isOther(b)).map(({ holding }) => holding);
        try {
          const answers = await limited(LIMIT.remove, wiring, removal, (limit) =>
            provider.remove(holdings, limit),
          );
          for (const orphan of own) {
            const answer = answers.get(orphan.holding.id);
            if (answer !== undefined && answer.kind !== 'accepted') left.set(orphan, answer.why);
          }
        } catch (error) {
          if (!(error instanceof ProviderError)) throw error;
          for (const orphan of own) left.set(orphan, error.message);
        }
      }),
    );
    return left;
  }

  /** Undefined, and a problem, when the provider cannot be opened or asked. */
  async function orProblem<T>(target: Target, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ProviderError || error instanceof PlanError)) throw error;
      problems.push({ target, message: error.message });
      return undefined;
    }
  }
}

function identityOf({ kind, id, token, tags }: Holding, { config }: Target): string {
  return JSON.stringify([config.type, kind, id, token, tags.uuid]);
}

/** Rejects with `ProviderError` when the time is over. */
async function limited<T>(
  milliseconds: number,
  wiring: Pick<Wiring, 'clock'>,
  cancel: Cancel,
  ask: (cancel: Cancel) => Promise<T>,
): Promise<T> {
  using limit = within(milliseconds, { wiring }, cancel);
  try {
    return await ask(limit);
  } catch (error) {
    if (!limit.expired()) throw error;
    throw new ProviderError(`it did not answer within ${spellDuration(milliseconds)}`);
  }
}
