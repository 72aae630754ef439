import { sshdMissing } from '../../test/support/sshd.ts';
import { ansible } from './ansible.ts';
import { bareClient } from './bare.ts';
import { hold } from './contest.ts';
import type { Results } from './contest.ts';
import { startField } from './field.ts';
import type { Field } from './field.ts';
import type { Peer } from './peer.ts';
import { planExec } from './plan-exec.ts';
import { planUp } from './plan-up.ts';
import { clush, parallelSsh } from './ssh-fans.ts';

const ROUNDS = 5;

/**
 * What `plan exec` may take of a peer's time. Where it logs in, as they do, sshd's share is the most of it, which nobody
 * can take less of.
 */
const LIMITS = { fresh: 1.1, kept: 0.5 };

/** `plan` against other ways to have the same done on the same hosts. */
export async function peerRows(): Promise<Results> {
  const missing = sshdMissing();
  if (missing !== undefined) return { rows: [], missing: [missing] };
  await using field = await startField();
  await using exec = await planExec(field);
  const results = [
    await hold(
      {
        title: '100 hosts of one sshd in two groups, two scripts each',
        plan: planUp(field),
        peers: [await bareClient(field), ansible(field)],
        rounds: ROUNDS,
        connections: 0,
      },
      field,
    ),
    await hold(
      {
        title: '100 hosts of one sshd, one command each',
        plan: exec.fresh,
        peers: await fans(field, LIMITS.fresh),
        rounds: ROUNDS,
        connections: 0,
      },
      field,
    ),
    await hold(
      {
        title: '100 hosts of one sshd, one command each',
        plan: await exec.kept(),
        peers: await fans(field, LIMITS.kept),
        rounds: ROUNDS,
        connections: Object.values(field.groups).flat().length,
      },
      field,
    ),
  ];
  return {
    rows: results.flatMap(({ rows }) => rows),
    missing: results.flatMap((result) => result.missing),
  };
}

async function fans(field: Field, limit: number): Promise<readonly Peer[]> {
  return [await parallelSsh(field, limit), await clush(field, limit)];
}
