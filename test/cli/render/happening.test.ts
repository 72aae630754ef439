import { describe, expect, it } from 'vitest';
import { happenings, sentence } from '../../../src/cli/render/happening.ts';
import type { FactBody, StepFailure } from '../../../src/fact.ts';
import { story } from './story.ts';

const REFUSED: StepFailure = {
  failure: {
    step: 'launch',
    reason: 'refused',
    message: 'no capacity',
    exitCode: null,
    logTail: [],
    logPath: null,
  },
  gaveUp: false,
  retryAt: 1,
};

describe('happenings()', () => {
  it.each<[FactBody, readonly string[]]>([
    [{ type: 'deployment-created', name: 'web-stack', uuid: 'u' }, ['web-stack created']],
    [{ type: 'operation-ended', id: 1, outcome: 'failed' }, ['web-stack failed']],
    [{ type: 'scope-prepared', provider: 'local' }, ['web-stack provider local prepared']],
    [{ type: 'scope-released', provider: 'local' }, ['web-stack provider local released']],
    [
      { type: 'launch-answered', batch: 1, ids: ['i', null], shortfall: REFUSED },
      ['web-stack 1 machine not launched: no capacity (tries again)'],
    ],
    [{ type: 'launch-answered', batch: 1, ids: ['i'], shortfall: null }, []],
    [
      { type: 'launch-refused', batch: 1, failed: { ...REFUSED, gaveUp: true } },
      ['web-stack launch refused: no capacity'],
    ],
    [
      {
        type: 'step-succeeded',
        machine: 'web-0',
        generation: 1,
        step: 'teardown',
        attempt: 1,
        startedAt: 0,
        skipped: true,
      },
      ['web-0 teardown skipped'],
    ],
    [
      { type: 'terminate-requested', machines: ['web-0', 'web-1'] },
      ['web-0 terminating', 'web-1 terminating'],
    ],
    [
      { type: 'instance-kept', id: 'i-web-1', problem: 'it is protected' },
      ['web-1 an instance cannot be terminated: it is protected'],
    ],
    [{ type: 'machines-dropped', machines: ['web-1'] }, ['web-1 dropped']],
  ])('says %j', (body, expected) => {
    const own = story({ app: { web: 2 } }, () => undefined);
    own.launch('web', 2);
    const found = happenings({ ...body, at: own.now() }, own.state);
    expect(found.map((one) => `${one.subject} ${sentence(one)}`)).toEqual(expected);
  });

  it('says once why a machine is replaced', () => {
    const own = story({ app: { web: 1 } }, () => undefined);
    own.launch('web', 1);
    const cause = 'image changed';
    const said = (body: FactBody): readonly string[] => {
      own.record(body);
      return happenings({ ...body, at: own.now() }, own.state).map(sentence);
    };
    expect(said({ type: 'machine-revised', machine: 'web-0', generation: 1, to: 'replace', cause })).toEqual([
      'to be replaced: image changed',
    ]);
    expect(said({ type: 'instance-condemned', machine: 'web-0', generation: 1, cause })).toEqual([]);
  });

  it('names the machines whose instances are gone', () => {
    const own = story({ app: { web: 2 } }, () => undefined);
    own.launch('web', 2);
    own.record(
      { type: 'terminate-requested', machines: ['web-1'] },
      { type: 'instances-gone', ids: ['i-web-1'] },
    );
    const found = happenings({ type: 'instances-gone', ids: ['i-web-1'], at: own.now() }, own.state);
    expect(found).toMatchObject([{ subject: 'web-1', words: 'terminated' }]);
  });
});
