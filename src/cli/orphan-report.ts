import type { GcProblem, Orphan } from '../api/gc.ts';
import { formatDuration } from '../duration.ts';
import { table } from './table.ts';

/** What a `gc` found and did. */
export interface GcReport {
  readonly orphans: readonly Orphan[];
  readonly problems: readonly GcProblem[];
  /** Those that were to be removed. */
  readonly doomed: ReadonlySet<Orphan>;
  /** Why those of them are left that are. */
  readonly left: ReadonlyMap<Orphan, string>;
}

const HEAD = ['OWNER', 'DEPLOYMENT', 'KIND', 'ID', 'NAME', 'AGE', 'PROVIDER', 'STATE DIRECTORY'];

/** `now`: epoch milliseconds. */
export function orphanTable(orphans: readonly Orphan[], now: number): string {
  const rows = orphans.map(({ holding, target, isOurs }) => [
    holding.tags.owner ?? '-',
    holding.tags.deployment ?? '-',
    holding.kind,
    holding.id,
    holding.name ?? '-',
    holding.since === null ? '-' : formatDuration(Math.max(0, now - holding.since)),
    target.config.name,
    isOurs ? 'this' : 'another',
  ]);
  return table([HEAD, ...rows]).join('\n');
}

export function problemLine({ provider, deployment, plan, message }: GcProblem): string {
  const what = provider === null ? 'the providers' : `provider "${provider}"`;
  const whose = deployment === null ? (plan === null ? '' : ` of "${plan}"`) : ` of "${deployment}"`;
  return `Cannot ask ${what}${whose}: ${message}`;
}

export function leftLine({ holding, target }: Orphan, why: string): string {
  return `Cannot remove ${holding.kind} "${holding.id}" of provider "${target.config.name}": ${why}`;
}

/** What `gc --json` prints. */
export function gcDocument({ orphans, problems, doomed, left }: GcReport): object {
  return {
    format: 1,
    orphans: orphans.map((orphan) => {
      const { holding, target, isOurs } = orphan;
      const { kind, id, name, tags, since } = holding;
      return {
        owner: tags.owner ?? null,
        deployment: tags.deployment ?? null,
        uuid: tags.uuid ?? null,
        kind,
        id,
        name,
        since: since === null ? null : new Date(since).toISOString(),
        provider: target.config.name,
        stateDirectory: isOurs ? 'this' : 'another',
        removed: doomed.has(orphan) && !left.has(orphan),
        problem: left.get(orphan) ?? null,
      };
    }),
    problems,
  };
}
