import { describe, expect, it } from 'vitest';
import { findService, messages, planOf, read, resolve } from './memory.ts';

const plan = (first: string, second = ''): string => `
version: 1
name: test
providers: { west: { type: ec2, region: us-west-2 } }
defaults: { timeouts: { launch: 3m } }
levels:
  - { name: one, services: { db: { provider: west, image: ami-1, count: 3 }, ${first} } }
  - { name: two, services: { last: {}, ${second} } }
`;

function problemsOf(first: string, second = ''): readonly string[] {
  return messages(resolve(read(plan(first, second))).problems);
}

describe('a colocated service', () => {
  it('has as many machines as the service whose machines it shares, and launches them one by one', () => {
    const service = findService(planOf(plan('agent: { colocate: db, bootstrap: { run: "true" } }')), 'agent');
    expect(service).toMatchObject({
      provider: '(colocated) west',
      colocate: { service: 'db', indexes: [0, 1, 2] },
      count: { min: 3, max: 3 },
      image: null,
      launchesOneByOne: true,
    });
  });

  it('has the time to be reached that the service has whose machines it shares', () => {
    const text = plan(
      'host: { timeouts: { connect: 7s } }, agent: { colocate: host, timeouts: { verify: 9s } }',
    );
    const { timeouts } = findService(planOf(text), 'agent');
    expect(timeouts).toMatchObject({ launch: 180_000, connect: 7_000, verify: 9_000 });
  });

  it('may have a count of its own', () => {
    const { count } = findService(planOf(plan('agent: { colocate: db, count: 7 }')), 'agent');
    expect(count).toEqual({ min: 7, max: 7 });
  });

  it('shares the machines at the root of a chain, of its own level or an earlier one', () => {
    const read = planOf(plan('a: { colocate: db }', 'b: { colocate: a }'));
    expect(findService(read, 'b').colocate).toEqual({
      service: 'db',
      indexes: [0, 1, 2],
      follows: true,
    });
  });

  it.each([
    ['a: { colocate: bd }', '', /"bd": there is no service of that name/],
    ['a: { colocate: last }', '', /"last": it is of the later level "two"/],
    ['a: { colocate: a }', '', /"a": it comes back to itself/],
    ['a: { colocate: b }, b: { colocate: a }', '', /it comes back to itself/],
    ['a: { colocate: db, provider: west }', '', /Cannot use "provider" here: it shares the machines of "db"/],
    ['a: { colocate: db, image: ami-2 }', '', /Cannot use "image" here/],
    ['a: { colocate: db, ssh: { user: me } }', '', /Cannot use "ssh" here/],
    ['a: { colocate: db, labels: { a: b } }', '', /Cannot use "labels" here/],
    ['a: { colocate: db, ec2: { instanceType: m5.large } }', '', /Cannot use "ec2" here/],
    ['a: { colocate: db, timeouts: { connect: 1m } }', '', /Cannot use "timeouts.connect" here/],
    ['a: { colocate: db, attempts: { launch: 1 } }', '', /Cannot use "attempts.launch" here/],
  ])('refuses %s', (first, second, message) => {
    expect(problemsOf(first, second).join('\n')).toMatch(message);
  });

  it('is refused where there are no machines to share, unless it has none itself', () => {
    const counts = (db: number, agent: string): string => `
version: 1
name: test
inputs: { n: { default: ${db} } }
levels:
  - { name: one, services: { db: { count: "{{inputs.n}}" }, agent: { colocate: db${agent} } } }
`;
    const problems = (db: number, agent: string): readonly string[] =>
      messages(resolve(read(counts(db, agent))).problems);
    expect(problems(0, ', count: 2')).toEqual([
      expect.stringContaining('Cannot share the machines of "db": "db" has a count of 0'),
    ]);
    expect(problems(0, ', count: 0')).toEqual([]);
    expect(problems(0, '')).toEqual([]);
    expect(problems(1, ', count: 2')).toEqual([]);
  });

  it('takes limits of its scripts, and what defaults say of machines for others', () => {
    expect(
      problemsOf('agent: { colocate: db, timeouts: { bootstrap: 1m }, attempts: { bootstrap: 2 } }'),
    ).toEqual([]);
  });
});
