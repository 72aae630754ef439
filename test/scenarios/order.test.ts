import { expect, it } from 'vitest';
import { scenario } from './scenario.ts';

const MACHINES_IN_THE_MIDDLE = 12;

/** Says when it starts and ends; the last of many tries of a verify is the one that passes. */
const SCRIPTS = `
      bootstrap:
        run: |
          echo "$PLAN_LEVEL $PLAN_MACHINE bootstrap start $(date +%s%N)" >>"$SHARED/times"
          if [ "$PLAN_LEVEL" = level-5 ]; then
            : >"$SHARED/here-$PLAN_MACHINE"
            tries=0
            until set -- "$SHARED"/here-*; [ $# -eq ${MACHINES_IN_THE_MIDDLE} ]; do
              tries=$((tries + 1))
              [ "$tries" -lt 400 ]
              sleep 0.05
            done
          fi
          sleep "0.0$PLAN_INDEX"
          echo "$PLAN_LEVEL $PLAN_MACHINE bootstrap end $(date +%s%N)" >>"$SHARED/times"
      verify:
        run: |
          echo "$PLAN_LEVEL $PLAN_MACHINE verify start $(date +%s%N)" >>"$SHARED/times"
          tries=$(cat tries 2>/dev/null || echo 0)
          echo $((tries + 1)) >tries
          code=0
          [ "$tries" -ge "$PLAN_INDEX" ] || code=1
          echo "$PLAN_LEVEL $PLAN_MACHINE verify end $(date +%s%N)" >>"$SHARED/times"
          exit "$code"
        interval: 20ms
`;

interface Moment {
  readonly level: number;
  readonly machine: string;
  readonly step: string;
  readonly edge: string;
  readonly at: bigint;
}

it('ten levels come up in their order, and the machines of a level at the same time', async () => {
  const space = await scenario();
  const levels = Array.from({ length: 10 }, (_, level) => {
    const services = level === 5 ? ['east', 'north', 'west'] : [`one-of-level-${'abcdefghij'.charAt(level)}`];
    const count = level === 5 ? 4 : level === 2 ? 3 : 1;
    const lines = services.map((name) => `      ${name}: { count: ${count} }`);
    return `  - name: level-${level}\n    services:\n${lines.join('\n')}`;
  });
  const defaults = SCRIPTS.replaceAll('\n      ', '\n  ');
  await space.write(
    'ten.yml',
    `version: 1\nname: ten\ndefaults:\n  env: { SHARED: ${JSON.stringify(space.shared)} }${defaults}levels:\n${levels.join('\n')}\n`,
  );
  const up = await space.run(['up', 'ten.yml']);
  expect(up.stderr).toMatch(/✔ ten is ready in .*: 10 levels, 23 machines/);

  const moments: readonly Moment[] = space.told('times').map((line) => {
    const [level = '', machine = '', step = '', edge = '', at = ''] = line.split(' ');
    return { level: Number(level.slice('level-'.length)), machine, step, edge, at: BigInt(at) };
  });
  for (let level = 1; level < 10; level += 1) {
    const first = earliest(moments.filter((moment) => moment.level === level));
    const last = latest(moments.filter((moment) => moment.level === level - 1));
    expect([last.step, last.edge, first.step, first.edge]).toEqual(['verify', 'end', 'bootstrap', 'start']);
    expect(first.at, `level ${level} after ${level - 1}`).toBeGreaterThan(last.at);
  }
  expect(moments.filter(({ machine, edge }) => machine === 'east-3' && edge === 'end')).toHaveLength(5);

  const middle = moments.filter(({ level, step }) => level === 5 && step === 'bootstrap');
  expect(new Set(middle.map(({ machine }) => machine)).size).toBe(MACHINES_IN_THE_MIDDLE);
  const lastStart = latest(middle.filter(({ edge }) => edge === 'start'));
  const firstEnd = earliest(middle.filter(({ edge }) => edge === 'end'));
  expect(lastStart.at).toBeLessThan(firstEnd.at);
});

function earliest(moments: readonly Moment[]): Moment {
  return moments.reduce((a, b) => (b.at < a.at ? b : a));
}

function latest(moments: readonly Moment[]): Moment {
  return moments.reduce((a, b) => (b.at > a.at ? b : a));
}
