import { sshdMissing } from '../../test/support/sshd.ts';
import { ansible } from './ansible.ts';
import { bareClient } from './bare.ts';
import { hold } from './contest.ts';
import type { Results } from './contest.ts';
import { startField } from './field.ts';
import { planExec } from './plan-exec.ts';
import { planUp } from './plan-up.ts';
import { clush, parallelSsh } from './ssh-fans.ts';

const ROUNDS = 5;

/** `plan` against other ways to have the same done on the same hosts. */
export async function peerRows(): Promise<Results> {
  const missing = sshdMissing();
  if (missing !== undefined) return { rows: [], missing: [missing] };
  await using field = await startField();
  const results = [
    await hold(
      {
        title: '100 hosts of one sshd in two groups, two scripts each',
        plan: planUp(field),
        peers: [await bareClient(field), ansible(field)],
        rounds: ROUNDS,
      },
      field,
    ),
    await hold(
      {
        title: '100 hosts of one sshd, one command each',
        plan: await planExec(field),
        peers: [await parallelSsh(field), await clush(field)],
        rounds: ROUNDS,
      },
      field,
    ),
  ];
  return {
    rows: results.flatMap(({ rows }) => rows),
    missing: results.flatMap((result) => result.missing),
  };
}
