import { median } from '../measure.ts';
import type { Row } from '../row.ts';
import type { Field } from './field.ts';
import type { Contest, Contestant } from './peer.ts';
import type { Whole } from './whole.ts';

interface Run extends Whole {
  readonly server: number;
}

export interface Results {
  readonly rows: readonly Row[];
  /** Peers that could not be measured, and why. */
  readonly missing: readonly string[];
}

/** Runs `plan` and its peers in turn, so that what else the computer does meets all of them. */
export async function hold(
  { title, plan, peers, rounds, connections }: Contest,
  field: Field,
): Promise<Results> {
  const present = peers.filter(({ missing }) => missing === undefined);
  const contestants: readonly Contestant[] = [plan, ...present];
  const runs = new Map<Contestant, Run[]>(contestants.map((contestant) => [contestant, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const contestant of contestants) {
      const before = await field.serverCpu({ connections });
      const whole = await contestant.run();
      runs.get(contestant)?.push({ ...whole, server: (await field.serverCpu({ connections })) - before });
    }
  const of = (contestant: Contestant, what: (run: Run) => number): number =>
    median((runs.get(contestant) ?? []).map(what));
  // Of processes that go on, each for a moment at a time, the server's system counts less than they used.
  const serverOf = (contestant: Contestant): string =>
    connections > 0 ? '' : `, sshd ${of(contestant, ({ server }) => server).toFixed(2)} s`;
  const figures = (contestant: Contestant): string =>
    `${of(contestant, ({ wall }) => wall).toFixed(2)} s (CPU ${of(contestant, ({ cpu }) => cpu).toFixed(2)} s${serverOf(contestant)})`;
  const wall = ({ wall: seconds }: Run): number => seconds;
  return {
    rows: present.map((peer) => ({
      name: `${title}: ${plan.name} against ${peer.name}`,
      value: of(plan, wall) / of(peer, wall),
      unit: '×',
      limit: peer.limit,
      detail: `${figures(plan)} against ${figures(peer)}`,
    })),
    missing: peers.flatMap(({ missing }) => missing ?? []),
  };
}
