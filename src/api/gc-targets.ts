import { declaredProvider } from '../colocation.ts';
import type { ProviderUse, Target } from '../engine/orphans.ts';
import { PlanError, UsageError } from '../errors.ts';
import type { PlanSource } from '../machine.ts';
import { fileSources } from '../plan/file-sources.ts';
import type { GivenInputs, PlanDocument } from '../plan/load.ts';
import { readPlan } from '../plan/load.ts';
import type { ProviderConfig } from '../plan/plan.ts';
import type { Sources } from '../sources.ts';
import { archivedSources } from '../sources.ts';
import type { LedgerEntry, Store } from '../state/store.ts';
import type { InputSource } from './given-inputs.ts';
import { givenInputs } from './given-inputs.ts';
import { configsOf } from './provider-configs.ts';

/** What `gc` asks, and why it cannot ask more. */
export interface GcTargets {
  readonly targets: readonly Target[];
  readonly problems: readonly TargetProblem[];
}

export interface TargetProblem {
  /** Null: all of the plan's. */
  readonly provider: string | null;
  /** Null: of a plan that was named. */
  readonly deployment: string | null;
  /** Absolute path. */
  readonly plan: string;
  readonly message: string;
}

/**
 * The providers of these plans (absolute paths) and of every recorded deployment, each configuration once, and `local`.
 * Throws `UsageError` for an input that no plan declares.
 */
export async function gcTargets(
  store: Pick<Store, 'ledger' | 'load' | 'loadSources'>,
  { plans, inputs }: { readonly plans: readonly string[]; readonly inputs: InputSource },
): Promise<GcTargets> {
  const found = createTargets();
  const problems: TargetProblem[] = [];
  const declared = new Set<string>();
  const ledger = await store.ledger();
  found.add({ name: 'local', type: 'local', options: {} }, null, []);

  for (const path of plans) {
    const read = note(readPlan(path, fileSources()), {}, { plan: path, deployment: null });
    for (const config of read.values()) found.add(config, null, []);
  }
  for (const entry of ledger) await addDeployment(entry);
  refuseUndeclared();
  return { targets: found.all(), problems };

  async function addDeployment(entry: LedgerEntry): Promise<void> {
    const { plan } = entry;
    if (plan === null) return;
    const of = { plan: plan.path, deployment: entry.name };
    const configs = new Map(await recorded(entry, plan));
    const missing = liveProviders(entry).filter((provider) => !configs.has(provider));
    for (const provider of missing) {
      const isTold = (): boolean =>
        problems.some(
          (problem) => problem.deployment === entry.name && [provider, null].includes(problem.provider),
        );
      const config = isTold() ? undefined : await older(entry, provider);
      if (config !== undefined) configs.set(provider, config);
      else if (!isTold())
        problems.push({
          provider,
          ...of,
          message: 'The plan that declared it is not kept any more. Name one that declares it.',
        });
    }
    for (const [provider, config] of configs)
      found.add(config, entry.scopes.get(provider) ?? null, [{ uuid: entry.uuid, provider }]);
  }

  /** The configurations of a plan that a deployment keeps. */
  async function recorded(
    { name, plan }: LedgerEntry,
    source: PlanSource,
  ): Promise<ReadonlyMap<string, ProviderConfig>> {
    const of = { plan: source.path, deployment: name };
    try {
      const archive = archivedSources(await store.loadSources(source.archive));
      const files = fileSources();
      const sources: Sources = {
        read: (path) => archive.read(path) ?? (inputs.files.includes(path) ? files.read(path) : undefined),
      };
      return note(readPlan(source.path, sources), plan?.inputs ?? {}, of);
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      problems.push({ provider: null, ...of, message: error.message });
      return new Map();
    }
  }

  /** From the plan that a machine was bootstrapped under which still has this provider. */
  async function older(entry: LedgerEntry, provider: string): Promise<ProviderConfig | undefined> {
    const state = await store.load(entry.name);
    if (state?.uuid !== entry.uuid) return undefined;
    const sources = new Map<string, PlanSource>();
    for (const { provider: own, under } of state.machines.values())
      if (own === provider && under !== null) sources.set(`${under.archive} ${under.path}`, under);
    for (const source of sources.values()) {
      const config = (await recorded(entry, source)).get(provider);
      if (config !== undefined) return config;
    }
    return undefined;
  }

  /** What a plan configures; what it cannot is a problem. */
  function note(
    document: PlanDocument,
    before: GivenInputs['recorded'],
    of: Pick<TargetProblem, 'plan' | 'deployment'>,
  ): ReadonlyMap<string, ProviderConfig> {
    for (const name of document.draft?.inputs.keys() ?? []) declared.add(name);
    const given = givenInputs(inputs, before);
    const read = configsOf(document, of.deployment, {
      ...given,
      flags: given.flags.filter((flag) => document.draft?.inputs.has(inputOf(flag))),
    });
    for (const { provider, message } of read.problems) problems.push({ provider, ...of, message });
    return read.configs;
  }

  function refuseUndeclared(): void {
    for (const flag of inputs.flags) {
      if (!flag.includes('='))
        throw new UsageError(
          `Cannot use --input "${flag}": it is not name=value`,
          'Write --input name=value.',
        );
      if (!declared.has(inputOf(flag)))
        throw new UsageError(`Cannot use --input "${inputOf(flag)}": no plan declares such an input`);
    }
  }
}

function inputOf(flag: string): string {
  return flag.slice(0, flag.indexOf('='));
}

/** Where a deployment has something, or may have. */
function liveProviders({ instances, batches, scopes }: LedgerEntry): readonly string[] {
  const names = [...instances.values(), ...batches.values(), ...scopes.keys()];
  return [...new Set(names.map(declaredProvider))];
}

/** Targets, of which those with the same configuration and the same place are one. */
function createTargets() {
  const targets = new Map<string, (Target & { uses: ProviderUse[] })[]>();
  return {
    add(config: ProviderConfig, place: string | null, uses: readonly ProviderUse[]): void {
      // Each state directory has machines of the computer of its own.
      const own = ['local', 'operator'].includes(config.type) ? place : null;
      const key = JSON.stringify([config.type, Object.entries(config.options).sort(), own]);
      const same = targets.get(key) ?? [];
      targets.set(key, same);
      const at = same.findIndex((one) => one.place === null || place === null || one.place === place);
      const known = same[at];
      if (known === undefined) same.push({ config, place, uses: [...uses] });
      else same[at] = { ...known, place: known.place ?? place, uses: [...known.uses, ...uses] };
    },
    all: (): readonly Target[] => [...targets.values()].flat(),
  };
}
