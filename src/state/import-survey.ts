import { setImmediate as turn } from 'node:timers/promises';
import type { ArchivedEntry, Manifest } from './archive.ts';
import type { ExportHead } from './export-entry.ts';
import { damaged } from './export-header.ts';
import { readEntry, readManifest } from './import-check.ts';
import type { Sealed } from './import-unseal.ts';

/** What an export holds, as far as it is kept in memory: neither history nor machines, contents or logs. */
export interface ImportSurvey {
  readonly head: ExportHead;
  /** By digest. */
  readonly archives: ReadonlyMap<string, Manifest>;
  /** Small files, by their path. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly facts: number;
  readonly machines: number;
}

/** Entries after which others have a turn. */
const TURN = 200;

/**
 * Reads all of an export, so that nothing is touched for one that is damaged anywhere. Rejects with `UsageError`, with
 * the signal's reason.
 */
export async function surveyExport(
  file: string,
  sealed: Sealed,
  { signal }: { readonly signal: AbortSignal },
): Promise<ImportSurvey> {
  let head: ExportHead | undefined;
  const archives = new Map<string, Manifest>();
  const files = new Map<string, Buffer>();
  const counts = { fact: 0, machine: 0 };
  let read = 0;
  let isWhole = false;
  for (const line of sealed.lines()) {
    const entry = readEntry(line);
    if (entry === undefined || isWhole || (entry[0] === 'head') !== (read === 0)) throw strange(file);
    switch (entry[0]) {
      case 'head':
        head = entry[1];
        break;
      case 'archive': {
        const manifest = readManifest(entry[2]);
        if (manifest === undefined) throw strange(file);
        archives.set(entry[1], manifest);
        break;
      }
      case 'file':
        files.set(entry[1], Buffer.from(entry[2], 'base64'));
        break;
      case 'fact':
      case 'machine':
        counts[entry[0]] += 1;
        break;
      case 'blob':
      case 'instance':
      case 'batch':
      case 'log':
        break;
      case 'end':
        if (entry[1] !== read) throw strange(file);
        isWhole = true;
        break;
      default:
        entry satisfies never;
    }
    read += 1;
    if (read % TURN === 0) {
      await turn();
      signal.throwIfAborted();
    }
  }
  if (head === undefined || !isWhole) throw strange(file);
  return { head, archives, files, facts: counts.fact, machines: counts.machine };
}

function strange(file: string): Error {
  return damaged(file, 'what is in it is not what this plan exports');
}

/** The files of a manifest. */
export function filesIn(
  manifest: Manifest,
): readonly (readonly [string, Extract<ArchivedEntry, { kind: 'file' }>])[] {
  return manifest.flatMap(([path, entry]) => (entry.kind === 'file' ? [[path, entry] as const] : []));
}
