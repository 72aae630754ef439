import { createHash } from 'node:crypto';

import type { LaunchBatch, Tags } from '../provider.ts';

/** What is on disk of one work directory. */
export interface DirectoryRecord {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly batch: { readonly token: string; readonly index: number };
  readonly tags: Tags;
  readonly labels: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly launchedAt: number;
}

/** The records that a batch asks for. A token and a position name the same directory each time. */
export function recordsOf(
  { token, machines, request }: LaunchBatch,
  now: number,
): readonly DirectoryRecord[] {
  const { service, tags, labels } = request;
  return machines.map(({ name }, index) => ({
    id: directoryId(token, index),
    name,
    service,
    batch: { token, index },
    tags,
    labels,
    launchedAt: now,
  }));
}

function directoryId(token: string, index: number): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([token, index]))
    .digest('hex');
  return `operator-${digest.slice(0, 16)}`;
}

export function isDirectoryId(text: string): boolean {
  return /^operator-[0-9a-f]{16}$/.test(text);
}
