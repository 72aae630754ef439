import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import type { FactBody, LevelRecord } from '../../src/fact.ts';
import { MACHINE_STATES } from '../../src/machine.ts';
import type { SelectorWords } from '../../src/selector.ts';
import { parseSelector } from '../../src/selector.ts';
import { foldFacts } from '../../src/state/apply-fact.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { selectMachines } from '../../src/state/select.ts';
import type { SelectOptions } from '../../src/state/selectable.ts';
import { selectableMachines } from '../../src/state/selectable.ts';

type Levels = Readonly<Record<string, Readonly<Record<string, number>>>>;

function planned(levels: Levels): FactBody {
  const records = Object.entries(levels).map(([name, services]): LevelRecord => ({
    name,
    services: Object.entries(services).map(([service, max]) => ({
      name: service,
      provider: 'local',
      min: max,
      max,
    })),
  }));
  const plan = { digest: 'd', path: '/p.yml', name: 'stack', inputs: {}, archive: 'a', levels: records };
  return { type: 'plan-recorded', plan };
}

function launched(
  number: number,
  service: string,
  indexes: readonly number[],
  labels: Readonly<Record<string, string>>,
): readonly FactBody[] {
  const machines = indexes.map((index) => ({ name: `${service}-${index}`, generation: 1 }));
  const request = { sensitive: '{}' };
  const ids = machines.map(({ name }) => `i-${name}`);
  const batch = { number, service, provider: 'local', machines, min: 1, token: 't', labels, request };
  return [
    { type: 'launch-requested', batch },
    { type: 'launch-answered', batch: number, ids, shortfall: null },
    ...machines.map(({ name }): FactBody => {
      const host = `${name}.test`;
      return {
        type: 'machine-running',
        machine: name,
        generation: 1,
        addresses: { hostname: host, address: host, privateIp: null, publicIp: null },
        access: { kind: 'ssh', host, port: 22, user: 'u', privateKey: '/k', hostKey: null },
      };
    }),
  ];
}

function ready(machine: string): readonly FactBody[] {
  const about = { machine, generation: 1, attempt: 1, startedAt: 1 };
  const outputs = { port: '7070', token: { sensitive: 'hush' } };
  return [
    { ...about, type: 'step-succeeded', step: 'connect' },
    { ...about, type: 'step-succeeded', step: 'bootstrap', outputs },
    { ...about, type: 'step-succeeded', step: 'verify' },
  ];
}

function failed(machine: string): FactBody {
  const failure = {
    step: 'connect',
    reason: 'error',
    message: 'no',
    exitCode: null,
    logTail: [],
    logPath: null,
  } as const;
  return {
    type: 'step-failed',
    machine,
    generation: 1,
    step: 'connect',
    attempt: 1,
    startedAt: 1,
    failed: { failure, gaveUp: true, retryAt: null },
  };
}

function stateOf(...bodies: readonly FactBody[]): DeploymentState {
  const created: FactBody = { type: 'deployment-created', name: 'stack', uuid: 'u' };
  return foldFacts([created, ...bodies].map((body, i) => ({ ...body, at: i })));
}

/** db-0 and web-0 are ready, web-1 failed, web-2 connects, cron-0 was not launched yet, batch has no machine. */
const STACK = [
  planned({ data: { db: 1 }, app: { web: 3, cron: 1, batch: 0 } }),
  ...launched(1, 'web', [0, 1], { tier: 'front', owner: '***' }),
  ...launched(2, 'web', [2], { tier: 'back' }),
  ...launched(3, 'db', [0], {}),
  ...ready('web-0'),
  ...ready('db-0'),
  failed('web-1'),
];
const ALL = ['db-0', 'web-0', 'web-1', 'web-2', 'cron-0'];
const stack = stateOf(...STACK);
const ended = stateOf(
  ...STACK,
  { type: 'instances-gone', ids: ['i-web-0', 'i-web-1', 'i-web-2', 'i-db-0'] },
  { type: 'machines-dropped', machines: ALL },
);

function select(words: SelectorWords, state = stack, options?: SelectOptions): string {
  return selectMachines(parseSelector(words), state, options).join(' ');
}

/** The message and the hint. */
function refusal(words: SelectorWords, state = stack): string {
  try {
    select(words, state);
  } catch (error) {
    if (error instanceof UsageError) return `${error.message}\n${error.hint ?? ''}`;
    throw error;
  }
  throw new Error('It selects something.');
}

describe('selectMachines()', () => {
  it.each<[string, string]>([
    ['web', 'web-0 web-1 web-2'],
    ['web-1', 'web-1'],
    ['web-*', 'web-0 web-1 web-2'],
    ['*-0', 'db-0 web-0 cron-0'],
    ['web-1..2', 'web-1 web-2'],
    ['web-1..999999999999', 'web-1 web-2'],
    ['@app', 'web-0 web-1 web-2 cron-0'],
    ['@data', 'db-0'],
    ['*', 'db-0 web-0 web-1 web-2 cron-0'],
  ])('finds what %s means, in the order of the plan', (term, names) => {
    expect(select({ terms: [term] })).toBe(names);
  });

  it.each<[string, string]>([
    ['tier=front', 'web-0 web-1'],
    ['tier!=front', 'db-0 web-2 cron-0'],
    ['tier in (front,back)', 'web-0 web-1 web-2'],
    ['tier notin (front,back)', 'db-0 cron-0'],
    ['tier', 'web-0 web-1 web-2'],
    ['!tier', 'db-0 cron-0'],
    ['owner', 'web-0 web-1'],
    ['service=web,state=failed', 'web-1'],
    ['level=app,index=0', 'web-0 cron-0'],
    ['state in (connecting,pending)', 'web-2 cron-0'],
    ['id=i-db-0', 'db-0'],
    ['!id', 'cron-0'],
    ['hostname=web-2.test', 'web-2'],
    ['!publicIp,generation=1,provider=local', 'db-0 web-0 web-1 web-2'],
    ['name=web-0', 'web-0'],
  ])('finds what -l %s means', (expression, names) => {
    expect(select({ labels: [expression] })).toBe(names);
  });

  it('prefers an attribute to a label of its name, and knows no labels that nobody gave', () => {
    const state = stateOf(planned({ app: { web: 1 } }), ...launched(1, 'web', [0], { service: 'other' }));
    expect(select({ labels: ['service=web'] }, state)).toBe('web-0');
    expect(select({ labels: ['!constructor'] }, state)).toBe('web-0');
  });

  it('finds states by the words of status', () => {
    expect(select({ states: ['failed'] })).toBe('web-1');
    expect(select({ states: ['ready,pending'] })).toBe('db-0 web-0 cron-0');
  });

  it('unites terms, labels and states, and takes exclusions away', () => {
    expect(select({ terms: ['db'], labels: ['tier=back'], states: ['failed'] })).toBe('db-0 web-1 web-2');
    expect(select({ terms: ['web', 'web-0'], exclude: ['web-2'] })).toBe('web-0 web-1');
    expect(select({ terms: ['*'], exclude: ['@data', 'web-1..2'] })).toBe('web-0 cron-0');
  });

  it('takes a function that sees everything but secrets', () => {
    expect(selectMachines(({ index }) => index > 0, stack)).toEqual(['web-1', 'web-2']);
    expect(selectableMachines(stack)[1]).toEqual({
      name: 'web-0',
      index: 0,
      service: 'web',
      level: 'app',
      provider: 'local',
      id: 'i-web-0',
      hostname: 'web-0.test',
      address: 'web-0.test',
      privateIp: null,
      publicIp: null,
      state: 'ready',
      generation: 1,
      labels: { tier: 'front', owner: '***' },
      outputs: { port: '7070' },
    });
    expect(() => selectMachines(() => false, stack)).toThrow(
      new UsageError('Cannot select machines: the function fits none of the 5 there are'),
    );
  });

  const THERE = 'There are the services db, web and cron and the levels @data and @app.';

  it('never takes nothing for everything', () => {
    for (const words of [{}, { exclude: ['web-2'] }, { terms: [] }])
      expect(refusal(words)).toBe(
        'Cannot select machines: nothing says which\n' +
          `Name services, machines or levels ("web", "web-0", "@app"), or "*" for all of them. ${THERE}`,
      );
    expect(() => select({}, ended)).toThrow(UsageError);
    expect(refusal({ terms: ['web'], exclude: ['web-*'] })).toBe(
      'Cannot select machines: all that are selected are excluded\n',
    );
  });

  it.each<[string, string, string]>([
    ['wbe', 'deployment "stack" has no service or machine of this name', `Did you mean "web"? ${THERE}`],
    ['zookeeper', 'deployment "stack" has no service or machine of this name', THERE],
    ['app', 'deployment "stack" has no service or machine of this name', 'A level is selected by "@app".'],
    ['web-9', 'service "web" has no such machine', 'Service "web" has web-0, web-1 and web-2.'],
    ['web-00', 'service "web" has no such machine', 'Service "web" has web-0, web-1 and web-2.'],
    ['batch-0', 'service "batch" has no such machine', 'Service "batch" has no machines.'],
    ['batch', 'the service has no machines', THERE],
    ['x*', 'no machine has such a name', THERE],
    ['web-7..9', 'service "web" has no such machines', 'Service "web" has web-0, web-1 and web-2.'],
    ['wep-0..9', 'deployment "stack" has no service "wep"', `Did you mean "web"? ${THERE}`],
    ['@ap', 'deployment "stack" has no level of this name', `Did you mean "@app"? ${THERE}`],
  ])('says what there is when %s matches nothing', (term, why, hint) => {
    const expected = `Cannot select "${term}": ${why}\n${hint}`;
    expect(refusal({ terms: [term] })).toBe(expected);
    expect(refusal({ terms: ['web', term] })).toBe(expected);
    if (term !== 'batch') expect(refusal({ terms: ['web'], exclude: [term] })).toBe(expected);
  });

  it.each<[string, string]>([
    ['tier=middle', '"tier" is front or back.'],
    ['teir=front', 'No machine has "teir". Did you mean "tier"? There are the labels tier and owner.'],
    ['zookeeper', 'No machine has "zookeeper". There are the labels tier and owner.'],
    ['tier=front,service=db', 'Each part of it is met by some machine, but no machine meets all of them.'],
  ])('says what there is when no machine is like -l %s', (expression, hint) => {
    expect(refusal({ terms: ['web'], labels: [expression] })).toBe(
      `Cannot select ${JSON.stringify(expression)}: no machine is like that\n${hint}`,
    );
  });

  it('says so when no machine has labels', () => {
    const state = stateOf(planned({ app: { web: 1 } }));
    expect(refusal({ labels: ['color'] }, state)).toMatch(
      /\nNo machine has "color". No machine has labels\.$/,
    );
  });

  it('says what states there are when no machine is in one', () => {
    expect(refusal({ states: ['lost'] })).toBe(
      'Cannot select by state "lost": no machine is in it\n' +
        'Of the machines, 1 pending, 1 connecting, 2 ready and 1 failed.',
    );
  });

  it('compares no label whose value it does not know', () => {
    expect(refusal({ labels: ['owner!=ann'] })).toMatch(
      /^Cannot compare label "owner" of machine "web-0": its value is not known\n/,
    );
    expect(select({ labels: ['tier=back,owner!=ann'] })).toBe('web-2');
  });

  it('speaks of one service, level or label as of one', () => {
    const state = stateOf(planned({ app: { web: 1 } }), ...launched(1, 'web', [0], { tier: 'front' }));
    expect(refusal({ terms: ['x*'] }, state)).toMatch(/\nThere is the service web and the level @app\.$/);
    expect(refusal({ labels: ['color'] }, state)).toMatch(/ There is the label tier\.$/);
  });

  it('shortens a long list', () => {
    const state = stateOf(planned({ app: { web: 40 } }));
    expect(refusal({ terms: ['web-40'] }, state)).toMatch(
      /\nService "web" has web-0, web-1, web-2, 36 more and web-39\.$/,
    );
  });
});

describe('selectMachines() on a deployment that is over', () => {
  it('finds nothing where something was', () => {
    for (const term of ['*', 'web', 'web-1', 'web-*', 'web-0..7', '@app', 'batch', 'batch-*', 'batch-0..1'])
      expect(select({ terms: [term] }, ended)).toBe('');
    expect(select({ labels: ['tier=front'], states: ['ready'] }, ended)).toBe('');
    expect(selectMachines(() => true, ended)).toEqual([]);
  });

  it('finds machines that are gone where they are asked for', () => {
    expect(select({ terms: ['web'] }, ended, { gone: true })).toBe('web-0 web-1 web-2');
    expect(select({ states: ['terminated'] }, ended, { gone: true })).toBe(ALL.join(' '));
  });

  it('still refuses what never was', () => {
    for (const term of ['wbe', 'web-9', 'x*', '@ap', 'wep-0..3'])
      expect(refusal({ terms: [term] }, ended)).toMatch(/^Cannot select /);
    expect(refusal({ terms: ['wbe'] }, ended)).toMatch(
      /\nDid you mean "web"\? Deployment "stack" has no machines\.$/,
    );
    expect(refusal({ terms: ['web'] }, stateOf())).toMatch(/has no service or machine of this name/);
    expect(select({ terms: ['*'] }, stateOf())).toBe('');
  });
});

describe('selectMachines() where machines came and went', () => {
  const shrunk = stateOf(
    ...STACK,
    { type: 'instances-gone', ids: ['i-web-1'] },
    planned({ extra: { probe: 1 }, app: { web: 1 } }),
    { type: 'machines-dropped', machines: ['web-1', 'cron-0'] },
  );

  it('puts what the plan no longer has last, and leaves out what is gone', () => {
    expect(select({ terms: ['*'] }, shrunk)).toBe('probe-0 web-0 web-2 db-0');
    expect(select({ terms: ['db', '@data'] }, shrunk)).toBe('db-0');
  });

  it('refuses a machine that is gone, and lets it be excluded', () => {
    expect(refusal({ terms: ['web-1'] }, shrunk)).toMatch(
      /^Cannot select "web-1": the machine is terminated\n/,
    );
    expect(refusal({ terms: ['cron'] }, shrunk)).toMatch(
      /^Cannot select "cron": the service has no machines\n/,
    );
    expect(refusal({ terms: ['web-1..1'] }, shrunk)).toMatch(/: service "web" has no such machines\n/);
    expect(select({ terms: ['web'], exclude: ['web-1', 'cron'] }, shrunk)).toBe('web-0 web-2');
  });

  it('refuses a level that is empty', () => {
    const state = stateOf(planned({ data: { db: 0 }, app: { web: 1 } }));
    expect(refusal({ terms: ['@data'] }, state)).toMatch(
      /^Cannot select "@data": the level has no machines\n/,
    );
  });
});

describe('what is selected', () => {
  const term = fc.constantFrom(
    '*',
    'web',
    'db',
    'web-0',
    'web-1',
    'web-2',
    'web-*',
    '*-0',
    'web-0..1',
    '@app',
  );
  const words = fc.record({
    terms: fc.array(term, { maxLength: 3 }),
    labels: fc.array(fc.constantFrom('tier=front', 'service=web,state=failed', '!tier', 'index=0'), {
      maxLength: 2,
    }),
    states: fc.array(fc.constantFrom('ready', 'failed', 'pending'), { maxLength: 2 }),
  });
  const some = words.filter(({ terms, labels, states }) => terms.length + labels.length + states.length > 0);
  const set = (given: SelectorWords): ReadonlySet<string> => new Set(select(given).split(' '));
  const inOrder = (names: ReadonlySet<string>): string => ALL.filter((name) => names.has(name)).join(' ');

  it('is the union of what each part selects, whatever their order (safety)', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        const both = {
          terms: [...b.terms, ...a.terms],
          labels: [...a.labels, ...b.labels],
          states: [...b.states, ...a.states],
        };
        expect(select(both)).toBe(inOrder(new Set([...set(a), ...set(b)])));
        expect(select({ ...a, terms: [...a.terms, ...a.terms] })).toBe(select(a));
      }),
    );
  });

  it('has nothing of what is excluded and everything else (safety)', () => {
    fc.assert(
      fc.property(some, fc.array(term), (given, exclude) => {
        const out = new Set(exclude.flatMap((one) => [...set({ terms: [one] })]));
        const rest = inOrder(new Set([...set(given)].filter((name) => !out.has(name))));
        if (rest === '') expect(() => select({ ...given, exclude })).toThrow(UsageError);
        else expect(select({ ...given, exclude })).toBe(rest);
      }),
    );
  });

  it('is the same by a range and by the names in it (safety)', () => {
    const state = stateOf(planned({ app: { web: 30, other: 30 } }));
    const index = fc.nat(29);
    fc.assert(
      fc.property(index, index, (one, other) => {
        const [from, to] = one < other ? [one, other] : [other, one];
        const names = Array.from({ length: to - from + 1 }, (_, i) => `web-${to - i}`);
        expect(select({ terms: [`web-${from}..${to}`] }, state)).toBe(select({ terms: names }, state));
      }),
    );
  });

  it('is by attribute what it is by term (safety)', () => {
    for (const machine of selectableMachines(stack)) {
      expect(select({ labels: [`service=${machine.service}`] })).toBe(select({ terms: [machine.service] }));
      expect(select({ labels: [`level=${machine.level}`] })).toBe(select({ terms: [`@${machine.level}`] }));
      expect(select({ labels: [`name=${machine.name}`] })).toBe(machine.name);
      expect(select({ labels: [`state=${machine.state}`] })).toBe(select({ states: [machine.state] }));
    }
  });

  it('is some machines or a usage error, whatever is asked for (safety)', () => {
    const word = fc.oneof(
      fc
        .array(fc.constantFrom('web', 'db', '-', '0', '1', '..', '*', '?', '@', 'app'))
        .map((parts) => parts.join('')),
      fc.string(),
    );
    const expression = fc
      .tuple(
        fc.constantFrom('tier', 'owner', 'state', 'id', '__proto__', 'x'),
        fc.constantFrom('=', '!=', ''),
        word,
      )
      .map((parts) => parts.join(''));
    const lists = fc.record({
      terms: fc.array(word),
      labels: fc.array(expression),
      states: fc.array(fc.constantFrom(...MACHINE_STATES), { maxLength: 2 }),
      exclude: fc.array(word, { maxLength: 1 }),
    });
    fc.assert(
      fc.property(lists, fc.constantFrom(stack, ended, stateOf()), (given, state) => {
        try {
          const names = selectMachines(parseSelector(given), state);
          expect(names.every((name) => state.machines.has(name))).toBe(true);
          expect(names.length > 0 || state !== stack).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
