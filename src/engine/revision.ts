import type { RevisionKind } from '../fact.ts';
import type { Machine, Made, Parts } from '../machine.ts';

/** What a machine needs to be as the plan says, by the least that does it, and why. */
export interface Revision {
  readonly machine: string;
  readonly to: RevisionKind | 'label';
  /** `env DB changed, file app.conf is new`. */
  readonly cause: string;
}

/** Null for a machine that is as the plan says, as far as that can be told now. */
export function revisionOf(machine: Machine, desired: Made): Revision | null {
  const { name, stage, made, running } = machine;
  if (machine.id === null || stage === 'replacing' || stage === 'leaving' || stage === 'gone') return null;
  const launch = difference(made.launch, desired.launch);
  if (launch !== null) return { machine: name, to: 'replace', cause: launch };
  const wasReached = stage === 'connected' || stage === 'bootstrapped' || stage === 'ready';
  const ssh = difference(made.ssh, desired.ssh);
  if (ssh !== null) return { machine: name, to: 'connect', cause: `ssh: ${ssh}` };
  const bootstrap = difference(
    running?.step === 'bootstrap' ? running.made : made.bootstrap,
    desired.bootstrap,
  );
  if (wasReached && bootstrap !== null) return { machine: name, to: 'bootstrap', cause: bootstrap };
  const verify = difference(made.verify, desired.verify);
  if (stage === 'ready' && verify !== null) return { machine: name, to: 'verify', cause: verify };
  const labels = difference(made.labels, desired.labels);
  return labels === null ? null : { machine: name, to: 'label', cause: `labels: ${labels}` };
}

/** What changed from one to the other, in words; null for nothing, and where one of them is not known. */
function difference(before: Parts | null, after: Parts | null): string | null {
  if (before === null || after === null) return null;
  const changes: string[] = [];
  for (const [part, digest] of Object.entries(after)) {
    if (!Object.hasOwn(before, part)) changes.push(`${part} is new`);
    else if (before[part] !== digest) changes.push(`${part} changed`);
  }
  for (const part of Object.keys(before)) if (!Object.hasOwn(after, part)) changes.push(`${part} is gone`);
  return changes.length === 0 ? null : changes.join(', ');
}
