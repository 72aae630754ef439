import { expect, it } from 'vitest';
import { gcDocument, leftLine, orphanTable, problemLine } from '../../src/cli/orphan-report.ts';
import type { Orphan } from '../../src/engine/orphans.ts';

const NOW = Date.parse('2026-01-02T03:04:05Z');
const target = {
  config: { name: 'west', type: 'ec2', options: { secretAccessKey: 'hush' } },
  place: null,
  uses: [],
};
const machine: Orphan = {
  holding: {
    kind: 'machine',
    id: 'i-1',
    name: 'web-0',
    tags: { deployment: 'web', uuid: 'u-1', owner: 'ann@host', state: 's-1' },
    token: 't-1',
    since: NOW - 90_000,
  },
  target,
  isOurs: true,
};
const group: Orphan = {
  holding: { kind: 'security group', id: 'sg-1', name: null, tags: {}, token: null, since: null },
  target,
  isOurs: false,
};

it('orphanTable() shows what is not known as a dash', () => {
  expect(orphanTable([machine, group], NOW)).toBe(
    [
      'OWNER     DEPLOYMENT  KIND            ID    NAME   AGE    PROVIDER  STATE DIRECTORY',
      'ann@host  web         machine         i-1   web-0  1m30s  west      this',
      '-         -           security group  sg-1  -      -      west      another',
    ].join('\n'),
  );
});

it('gcDocument() says of each orphan whether it was removed, and nothing of the configuration', () => {
  const document = gcDocument({
    orphans: [machine, group],
    problems: [],
    doomed: new Set([machine, group]),
    left: new Map([[group, 'it is in use']]),
  });
  expect(document).toEqual({
    format: 1,
    orphans: [
      {
        owner: 'ann@host',
        deployment: 'web',
        uuid: 'u-1',
        kind: 'machine',
        id: 'i-1',
        name: 'web-0',
        since: '2026-01-02T03:02:35.000Z',
        provider: 'west',
        stateDirectory: 'this',
        removed: true,
        problem: null,
      },
      {
        owner: null,
        deployment: null,
        uuid: null,
        kind: 'security group',
        id: 'sg-1',
        name: null,
        since: null,
        provider: 'west',
        stateDirectory: 'another',
        removed: false,
        problem: 'it is in use',
      },
    ],
    problems: [],
  });
});

it('leftLine() and problemLine() name what they are about', () => {
  expect(leftLine(group, 'it is in use')).toBe(
    'Cannot remove security group "sg-1" of provider "west": it is in use',
  );
  const message = 'no answer';
  expect(problemLine({ provider: 'west', deployment: null, plan: null, message })).toBe(
    'Cannot ask provider "west": no answer',
  );
  expect(problemLine({ provider: null, deployment: 'web', plan: 'web.yml', message })).toBe(
    'Cannot ask the providers of "web": no answer',
  );
  expect(problemLine({ provider: null, deployment: null, plan: 'web.yml', message })).toBe(
    'Cannot ask the providers of "web.yml": no answer',
  );
});
