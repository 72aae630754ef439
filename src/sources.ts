/**
 * Where a plan's text comes from: the file system for `up`, the state's archive for `down` and `repair`, when
 * the files may be gone. Synchronous, so that everything above it stays a pure function of what it reads.
 */
export interface Sources {
  /** What is at an absolute path (links followed); undefined when nothing is there or it cannot be read. */
  read(path: string): SourceEntry | undefined;
}

export type SourceEntry =
  | { readonly kind: 'file'; readonly mode: number; readonly bytes: Buffer }
  /** Names of its entries, sorted. */
  | { readonly kind: 'directory'; readonly names: readonly string[] };

/** Sources that answer from an archive, as `Plan.sources` and the store keep it. */
export function archivedSources(archive: ReadonlyMap<string, SourceEntry>): Sources {
  return { read: (path) => archive.get(path) };
}
