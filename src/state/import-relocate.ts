import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import type { Access } from '../machine.ts';
import type { Manifest } from './archive.ts';
import type { DeploymentJson } from './export-entry.ts';
import { isHereId } from './export-home.ts';
import { importedPlace } from './import-place.ts';
import type { ImportSurvey } from './import-survey.ts';
import { filesIn } from './import-survey.ts';

/** How what is recorded changes with the state directory that it is in. */
export interface Relocation {
  /** Absolute path of the plan file; null: there is none. */
  readonly plan: string | null;
  /** Files of the plan that are to be written, by their path in the state directory. */
  readonly planFiles: ReadonlyMap<string, { readonly mode: number; readonly blob: string }>;
  /** Digest and text of the archives, as they are here. */
  readonly archives: readonly { readonly digest: string; readonly manifest: string }[];
  record(record: DeploymentJson): DeploymentJson;
  row(kind: 'fact' | 'machine' | 'instance' | 'batch', row: unknown): unknown;
}

interface Where {
  /** The state directory, absolute. */
  readonly directory: string;
  /** Absolute path of the key that came with it; null: none did. */
  readonly keyPath: string | null;
}

type Json = Readonly<Record<string, unknown>>;

/** A plan file that is where it was, as on the same computer, stays there; else it comes into the state directory. */
export function relocate(survey: ImportSurvey, { directory, keyPath }: Where): Relocation {
  const { head, archives } = survey;
  const { plan } = head.record;
  const current = plan === null ? [] : filesIn(archives.get(plan.archive) ?? []);
  const isHere = plan === null || !archives.has(plan.archive) || isFile(plan.path);
  const place = importedPlace(head).plan;
  const root = rootOf([...archives.values()].flatMap((manifest) => filesIn(manifest).map(([path]) => path)));
  const moved = (path: string): string =>
    isHere || !isBelow(path, root) ? path : join(directory, place, relative(root, path));

  const digests = new Map<string, string>();
  const texts = [...archives].map(([before, manifest]) => {
    const text = isHere ? JSON.stringify(manifest) : JSON.stringify(movedManifest(manifest, moved));
    const digest = sha256(text);
    digests.set(before, digest);
    return { digest, manifest: text };
  });
  const source = <T extends { readonly path: string; readonly archive: string }>(one: T): T => ({
    ...one,
    path: moved(one.path),
    archive: digests.get(one.archive) ?? one.archive,
  });

  const keyPaths = ['id_ed25519', join(head.uuid, 'id_ed25519')].map((path) =>
    join(head.directory, 'keys', path),
  );
  const key = <T extends string | null>(path: T): T | string =>
    path !== null && keyPath !== null && keyPaths.includes(path) ? keyPath : path;
  const access = (one: unknown): unknown => {
    const { kind, privateKey, moreKeys } = one as Partial<Extract<Access, { kind: 'ssh' }>>;
    if (kind !== 'ssh') return one;
    return {
      ...(one as Json),
      privateKey: key(privateKey ?? null),
      ...(moreKeys === undefined ? {} : { moreKeys: moreKeys.map(key) }),
    };
  };

  return {
    plan: plan === null ? null : moved(plan.path),
    planFiles: new Map(
      isHere ? [] : current.map(([path, entry]) => [relative(directory, moved(path)), entry] as const),
    ),
    archives: texts,
    record: (record) => ({
      ...record,
      plan: record.plan === null ? null : source(record.plan),
    }),
    row(kind, row) {
      const one = row as Json;
      switch (kind) {
        case 'fact':
          if (one['type'] === 'plan-recorded') return { ...one, plan: source(one['plan'] as never) };
          if (one['type'] !== 'machine-running') return one;
          return { ...one, access: access(one['access']) };
        case 'machine': {
          const under = one['under'] == null ? one['under'] : source(one['under'] as never);
          if (isHereId(one['id'])) return { ...one, under };
          return { ...one, under, access: one['access'] == null ? null : access(one['access']) };
        }
        case 'instance':
        case 'batch':
          return one;
        default:
          return kind satisfies never;
      }
    },
  };
}

function movedManifest(manifest: Manifest, moved: (path: string) => string): Manifest {
  return manifest.map(([path, entry]) => [moved(path), entry] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The directory that all of these are in. */
function rootOf(paths: readonly string[]): string {
  const [first = '/', ...others] = paths.map(dirname);
  let root = first;
  for (const directory of others) while (!isBelow(directory, root)) root = dirname(root);
  return root;
}

function isBelow(path: string, root: string): boolean {
  return path === root || root === sep || path.startsWith(`${root}${sep}`);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}
