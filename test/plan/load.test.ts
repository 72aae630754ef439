import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileSources } from '../../src/plan/file-sources.ts';
import { readPlan } from '../../src/plan/load.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { archivedSources } from '../../src/sources.ts';
import { findService, memory, messages, planOf, planText, read, resolve, serviceOf } from './memory.ts';

const SCRIPT = '#!/bin/sh\nexit 0\n';
const full = join(import.meta.dirname, '../fixtures/plan/right/full.yml');

describe('readPlan() and resolvePlan()', () => {
  it('read a plan that uses every key of the language', async () => {
    const document = readPlan(full, fileSources());
    expect(document.problems).toEqual([]);
    const { plan, problems, warnings } = resolve(document, { flags: ['token=s3cret'] });
    expect(problems).toEqual([]);
    expect(warnings).toEqual([]);
    await expect(asJson(plan)).toMatchFileSnapshot(full.replace('.yml', '.json'));
  });

  it('give the same plan again from the archive of what they read', () => {
    const first = resolve(readPlan(full, fileSources()), { flags: ['token=s3cret'] }).plan;
    const archive = archivedSources(first?.sources ?? new Map());
    const again = resolve(readPlan(full, archive), { flags: ['token=s3cret'] }).plan;
    expect(again).toEqual(first);
    expect(again?.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('report a plan that is not there, with a near name', () => {
    const document = readPlan('/plans/plna.yml', memory({ 'plan.yml': '' }));
    expect(document).toMatchObject({ name: null, draft: null });
    expect(document.problems).toMatchObject([
      { line: 1, column: 1, suggestion: expect.stringContaining('plan.yml') as string },
    ]);
    expect(resolve(document).plan).toBeNull();
  });

  it('refuse a name of a deployment that is none', () => {
    const { plan, problems } = resolve(read(planText('')), {}, { deployment: 'Not A Name' });
    expect(plan).toBeNull();
    expect(messages(problems)).toEqual([
      '1:1 Cannot use "Not A Name" as the name of a deployment: it is not a name',
    ]);
  });

  it('call the deployment as they are told, else as the plan', () => {
    expect(planOf(planText('')).deployment).toBe('test');
    expect(resolve(read(planText('')), {}, { deployment: 'blue' }).plan?.deployment).toBe('blue');
  });
});

describe('defaults', () => {
  const head = [
    'defaults:',
    '  count: 2',
    '  user: app',
    '  env: { A: a, B: b }',
    '  labels: { x: "1", y: "2" }',
    '  timeouts: { launch: 1m, verify: 2m }',
    '  attempts: { launch: 5, bootstrap: 2 }',
    '  ssh: { user: admin, port: 22 }',
    '  local: { bootDelay: 1s }',
    '  verify: { tcp: 80 }',
    '  outputs: { zone: a }',
  ].join('\n');

  it('hold for a service that says nothing', () => {
    expect(serviceOf('', {}, head)).toMatchObject({
      count: { min: 2, max: 2 },
      user: 'app',
      env: { A: { text: 'a' }, B: { text: 'b' } },
      timeouts: { launch: 60_000, verify: 120_000, bootstrap: 1_200_000 },
      attempts: { launch: 5, bootstrap: 2 },
      ssh: { user: { text: 'admin' }, port: 22 },
      options: { bootDelay: { text: '1s' } },
      verify: [{ kind: 'tcp' }],
      outputs: { zone: { value: { text: 'a' } } },
    });
  });

  it('hold for a service that is empty', () => {
    const plan = planOf(`version: 1\nname: test\n${head}\nlevels: [{ name: one, services: { web: } }]`);
    expect(findService(plan, 'web').user).toBe('app');
  });

  it('merge env, labels, timeouts, attempts, ssh and provider options key by key, and nothing else', () => {
    const keys = [
      'env: { B: c, C: d }',
      'labels: { y: "3" }',
      'timeouts: { verify: 3m }',
      'attempts: { bootstrap: 3 }',
      'ssh: { port: 2222 }',
      'local: {}',
      'outputs: { region: b }',
      'count: 1',
    ].join('\n');
    const service = serviceOf(keys, {}, head);
    expect(service).toMatchObject({
      env: { A: { text: 'a' }, B: { text: 'c' }, C: { text: 'd' } },
      labels: { x: { text: '1' }, y: { text: '3' } },
      timeouts: { launch: 60_000, verify: 180_000 },
      attempts: { launch: 5, bootstrap: 3 },
      ssh: { user: { text: 'admin' }, port: 2222 },
      options: { bootDelay: { text: '1s' } },
      count: { min: 1, max: 1 },
    });
    expect(Object.keys(service.outputs)).toEqual(['region']);
  });

  it('are removed by null, whole or key by key', () => {
    const service = serviceOf(
      'count: null\nverify: null\nlocal: null\nenv: { A: null }\nssh: { port: }',
      {},
      head,
    );
    expect(service).toMatchObject({
      count: { min: 1, max: 1 },
      verify: [],
      options: {},
      ssh: { user: { text: 'admin' } },
    });
    expect(Object.keys(service.env)).toEqual(['B']);
    expect(service.ssh.port).toBeUndefined();
  });

  it('may be null themselves', () => {
    expect(serviceOf('', {}, 'defaults: { env: { A: null }, user: null }')).toMatchObject({
      env: {},
      user: null,
    });
  });
});

describe('a service', () => {
  it('without keys is one local machine that is ready once it is reached', () => {
    expect(serviceOf('')).toMatchObject({
      provider: 'local',
      count: { min: 1, max: 1 },
      image: null,
      bootstrap: null,
      verify: [],
      teardown: null,
      timeouts: {
        launch: 600_000,
        connect: 300_000,
        bootstrap: 1_200_000,
        verify: 300_000,
        teardown: 300_000,
        terminate: 300_000,
      },
      attempts: { launch: 3, bootstrap: 1 },
      launchesOneByOne: false,
      peers: [],
    });
  });

  it('takes numbers and booleans in env, labels and args as they are written', () => {
    const service = serviceOf(
      'env: { A: 1.10, B: 0x1F, C: True, D: 1e3, E: 007 }\nlabels: { v: 2.0 }\nbootstrap: { run: a, args: [1.50, false] }',
    );
    expect(Object.values(service.env).map((value) => value.text)).toEqual([
      '1.10',
      '0x1F',
      'True',
      '1e3',
      '007',
    ]);
    expect(service.labels['v']?.text).toBe('2.0');
    expect(service.bootstrap?.args.map((value) => value.text)).toEqual(['1.50', 'false']);
  });

  it('counts from a number, a range and inputs', () => {
    expect(serviceOf('count: 0').count).toEqual({ min: 0, max: 0 });
    expect(serviceOf('count: { min: 2, max: 3 }').count).toEqual({ min: 2, max: 3 });
    expect(serviceOf('count: "{{inputs.n}}"', {}, 'inputs: { n: { default: 7 } }').count).toEqual({
      min: 7,
      max: 7,
    });
    expect(
      serviceOf('count: { min: "{{inputs.n}}", max: 9 }', {}, 'inputs: { n: { default: 7 } }').count,
    ).toEqual({ min: 7, max: 9 });
  });

  it('is launched one by one when what launches it mentions its name or index', () => {
    expect(serviceOf('labels: { a: "{{self.index}}" }').launchesOneByOne).toBe(true);
    expect(serviceOf('image: "img-{{self.name}}"').launchesOneByOne).toBe(true);
    expect(serviceOf('local: { bootDelay: "{{self.index}}s" }').launchesOneByOne).toBe(true);
    expect(
      serviceOf('labels: { a: "{{self.service}}" }\nenv: { A: "{{self.index}}" }').launchesOneByOne,
    ).toBe(false);
  });

  it('has the services of its level as peers that its templates mention, those in files too', () => {
    const text = [
      'version: 1',
      'name: test',
      'levels:',
      '  - { name: zero, services: { db: } }',
      '  - name: one',
      '    services:',
      '      web:',
      '        env: { DB: "{{services.db.hostname}}" }',
      '        teardown: { run: x, args: ["{{services.web.all.name}}"] }',
      '        files: [{ source: conf, target: conf, template: true }]',
      '      other: { env: { A: "{{services.db.hostname}}" } }',
      '      last: {}',
    ].join('\n');
    const plan = planOf(text.replace('services.web.all.name', "join services.web.all.name ','"), {
      conf: '{{services.last.hostname}}',
    });
    expect(findService(plan, 'web').peers).toEqual(['web', 'last']);
    expect(findService(plan, 'other').peers).toEqual([]);
  });

  it('reads outputs as a list, a map of options, a map of values, or both', () => {
    const keys =
      'bootstrap: { run: x }\noutputs: { a: , b: { sensitive: true }, c: 7070, d: { value: "{{self.name}}", sensitive: true } }';
    expect(serviceOf(keys).outputs).toMatchObject({
      a: { sensitive: false, value: null },
      b: { sensitive: true, value: null },
      c: { sensitive: false, value: { text: '7070' } },
      d: { sensitive: true, value: { text: '{{self.name}}' } },
    });
    expect(serviceOf('bootstrap: { run: x }\noutputs: [port]').outputs).toEqual({
      port: { sensitive: false, value: null },
    });
  });
});

describe('a script', () => {
  it('is a file, executable and with an interpreter', () => {
    expect(serviceOf('bootstrap: bin/web.sh', { 'bin/web.sh': SCRIPT }).bootstrap).toMatchObject({
      kind: 'file',
      label: 'bin/web.sh',
      main: 'web.sh',
      entries: [{ path: 'web.sh', mode: 0o755, bytes: Buffer.from(SCRIPT) }],
      timeout: 1_200_000,
      attempts: 1,
      user: null,
    });
  });

  it('is a directory with an executable "run", taken whole', () => {
    const { bootstrap } = serviceOf('bootstrap: dir', { 'dir/run': SCRIPT, 'dir/lib/a.txt': 'a' });
    expect(bootstrap).toMatchObject({ kind: 'directory', main: 'run' });
    expect(bootstrap?.entries.map((entry) => [entry.path, entry.mode])).toEqual([
      ['lib/a.txt', 0o644],
      ['run', 0o755],
    ]);
  });

  it('is text that is run by sh -eu and is no template', () => {
    const { bootstrap } = serviceOf(
      'bootstrap: { run: "echo {{nothing}}", timeout: 1m, attempts: 4, user: root }',
    );
    expect(bootstrap).toMatchObject({
      kind: 'inline',
      label: 'run',
      main: 'run',
      timeout: 60_000,
      attempts: 4,
      user: 'root',
    });
    expect(bootstrap?.entries[0]?.bytes.toString()).toBe('#!/bin/sh -eu\necho {{nothing}}');
    expect(bootstrap?.entries[0]?.mode).toBe(0o755);
  });

  it('has the limits of the service unless it has its own', () => {
    const keys =
      'timeouts: { bootstrap: 7m, teardown: 8m }\nattempts: { bootstrap: 3 }\nbootstrap: { run: a }\nteardown: { run: b }';
    const service = serviceOf(keys);
    expect(service.bootstrap).toMatchObject({ timeout: 420_000, attempts: 3 });
    expect(service.teardown).toMatchObject({ timeout: 480_000, attempts: 1 });
  });

  it('has a path that inputs may decide', () => {
    const head = 'inputs: { kind: { default: web }, t: { default: 90s } }';
    const keys = 'bootstrap: { script: "bin/{{inputs.kind}}.sh", timeout: "{{inputs.t}}" }';
    expect(serviceOf(keys, { 'bin/web.sh': SCRIPT }, head).bootstrap).toMatchObject({
      label: 'bin/web.sh',
      timeout: 90_000,
    });
    const { problems } = resolve(read(planText(keys, head), { 'bin/wep.sh': SCRIPT }));
    expect(messages(problems)).toEqual([expect.stringContaining('Cannot read script "bin/web.sh"')]);
    expect(problems[0]?.suggestion).toBe('Did you mean "bin/wep.sh"?');
  });
});

describe('verify', () => {
  it('has the documented limits', () => {
    const service = serviceOf('verify:\n  - tcp: 70\n  - http: { port: 80 }\n  - { run: x }\n  - a.sh', {
      'a.sh': SCRIPT,
    });
    expect(service.verify).toMatchObject([
      {
        kind: 'tcp',
        host: null,
        port: { text: '70' },
        interval: 2_000,
        tryTimeout: 10_000,
        timeout: 300_000,
        successes: 1,
      },
      { kind: 'http', path: { text: '/' }, status: [[200, 399]], tryTimeout: 10_000, timeout: 300_000 },
      {
        kind: 'script',
        fatalExitCodes: [],
        tryTimeout: 300_000,
        timeout: 300_000,
        script: { timeout: 300_000 },
      },
      { kind: 'script', script: { label: 'a.sh' } },
    ]);
  });

  it('is capped by timeouts.verify', () => {
    const keys =
      'timeouts: { verify: 5s }\nverify:\n  - { tcp: 70, timeout: 1m }\n  - { run: x, timeout: 2s, tryTimeout: 4s }\n  - { run: x, tryTimeout: 1s }';
    expect(serviceOf(keys).verify).toMatchObject([
      { timeout: 5_000, tryTimeout: 5_000 },
      { timeout: 2_000, tryTimeout: 2_000 },
      { timeout: 5_000, tryTimeout: 1_000 },
    ]);
  });

  it('reads every option', () => {
    const keys = [
      'verify:',
      '  - { tcp: "{{self.port}}", host: 127.0.0.1, interval: 500ms, successes: 3 }',
      '  - { http: { port: 80, path: "/{{self.name}}", status: [200, "300-399"] } }',
      '  - { http: { port: 80, status: 204 } }',
      '  - { run: exit 9, fatalExitCodes: [9, 10], successes: "{{inputs.n}}" }',
      'bootstrap: { run: x }',
      'outputs: [port]',
    ].join('\n');
    expect(serviceOf(keys, {}, 'inputs: { n: { default: 2 } }').verify).toMatchObject([
      { port: { text: '{{self.port}}' }, host: { text: '127.0.0.1' }, interval: 500, successes: 3 },
      {
        path: { text: '/{{self.name}}' },
        status: [
          [200, 200],
          [300, 399],
        ],
      },
      { status: [[204, 204]] },
      { fatalExitCodes: [9, 10], successes: 2 },
    ]);
  });
});

describe('files', () => {
  it('are texts, files and whole directories, templates or not', () => {
    const keys = [
      'files:',
      '  - { content: "{{self.name}}", target: a, mode: "0600" }',
      '  - { source: conf/a.txt, target: b }',
      '  - { source: conf, target: c }',
      '  - { source: "{{inputs.dir}}/a.txt", target: "d-{{self.index}}", template: true }',
    ].join('\n');
    const sources = { 'conf/a.txt': 'A {{self.name}}', 'conf/bin/run': SCRIPT };
    const { files } = serviceOf(keys, sources, 'inputs: { dir: { default: conf } }');
    expect(files).toMatchObject([
      { target: { text: 'a' }, mode: 0o600, content: { kind: 'text', text: { text: '{{self.name}}' } } },
      {
        mode: null,
        content: { kind: 'tree', entries: [{ path: '', mode: 0o644, body: { kind: 'bytes' } }] },
      },
      {
        content: {
          entries: [
            { path: 'a.txt' },
            { path: 'bin/run', mode: 0o755, body: { bytes: Buffer.from(SCRIPT) } },
          ],
        },
      },
      { content: { entries: [{ path: '', body: { kind: 'template', text: { text: 'A {{self.name}}' } } }] } },
    ]);
  });

  it('must be UTF-8 to be templates', () => {
    const text = planText('files: [{ source: x, target: x, template: true }]');
    expect(messages(read(text, { x: Buffer.from([0xff, 0xfe]) }).problems)).toEqual([
      expect.stringMatching(/^8:27 Cannot use ".*x" as a template: it is not UTF-8 text$/),
    ]);
  });
});

describe('levels in files of their own', () => {
  const files = {
    'levels/a.yml':
      'x-ignored: 1\nname: data\nservices:\n  db: { bootstrap: ../bin/db.sh, files: [{ source: conf, target: conf }] }\n',
    'levels/conf': 'c',
    'bin/db.sh': SCRIPT,
  };

  it('have paths relative to themselves, defaults relative to the plan', () => {
    const text =
      'version: 1\nname: test\ndefaults: { teardown: bin/db.sh }\nlevels: [{ file: levels/a.yml }, { name: app, services: { web: { env: { DB: "{{services.db.hostname}}" } } } }]';
    const plan = planOf(text, files);
    expect(plan.levels.map((level) => [level.name, level.index])).toEqual([
      ['data', 0],
      ['app', 1],
    ]);
    expect(findService(plan, 'db')).toMatchObject({
      level: 'data',
      bootstrap: { main: 'db.sh' },
      teardown: { main: 'db.sh' },
    });
    expect([...plan.sources.keys()].sort()).toEqual([
      '/plans/bin/db.sh',
      '/plans/levels/a.yml',
      '/plans/levels/conf',
      '/plans/plan.yml',
    ]);
  });

  it('change the digest with each source, but not with the place of it all', () => {
    const text = 'version: 1\nname: test\nlevels: [{ file: levels/a.yml }]';
    const { digest } = planOf(text, files);
    expect(planOf(text, files).digest).toBe(digest);
    expect(planOf(text, { ...files, 'levels/conf': 'd' }).digest).not.toBe(digest);
    const moved = new Map(
      [...planOf(text, files).sources].map(([path, entry]) => [`/elsewhere${path}`, entry]),
    );
    expect(resolve(readPlan('/elsewhere/plans/plan.yml', archivedSources(moved))).plan?.digest).toBe(digest);
  });
});

describe('providers', () => {
  it('are the declared ones, local and operator', () => {
    const head =
      'inputs: { where: { default: west }, type: { default: local } }\nproviders: { west: { type: "{{inputs.type}}" } }';
    const plan = planOf(planText('provider: "{{inputs.where}}"', head));
    expect(plan.providers).toEqual({
      local: { name: 'local', type: 'local', options: {} },
      operator: { name: 'operator', type: 'operator', options: {} },
      west: { name: 'west', type: 'local', options: {} },
    });
    expect(findService(plan, 'web').provider).toBe('west');
  });
});

describe('YAML', () => {
  it('merges maps by "<<", and what is written wins over what is merged', () => {
    const head = 'x-a: &a { count: 2, user: a }\nx-b: &b { user: b, image: img }';
    expect(serviceOf('<<: [*a, *b]\ncount: 3', {}, head)).toMatchObject({
      count: { min: 3 },
      user: 'a',
      image: { text: 'img' },
    });
  });

  it('is version 1.2: yes, no and on are text', () => {
    expect(serviceOf('env: { A: yes, B: no, C: on, D: 0o17 }').env).toMatchObject({
      A: { text: 'yes' },
      B: { text: 'no' },
      D: { text: '0o17' },
    });
  });

  it('may begin with a byte order mark and have CRLF line ends', () => {
    expect(planOf(`\ufeff${planText('count: 2').replaceAll('\n', '\r\n')}`).name).toBe('test');
    const problems = read(`\ufeff${planText('cont: 2').replaceAll('\n', '\r\n')}`).problems;
    expect(problems).toMatchObject([
      { line: 8, column: 9, source: '        cont: 2', suggestion: 'Did you mean "count"?' },
    ]);
  });

  it('is told to quote a value that begins with "{{"', () => {
    const suggestion = (line: string): string | null | undefined =>
      read(planText(line)).problems[0]?.suggestion;
    expect(suggestion('image: {{self.name}} # of its own')).toBe('Quote the value: "{{self.name}}"');
    expect(suggestion('image: a\nfiles: [{ target: {{self.name}}, content: x }]')).toBe(
      'Quote the value: "{{self.name}}"',
    );
    expect(suggestion('image: {{default self.name "x"}}')).toBe(
      `Quote the value: '{{default self.name "x"}}'`,
    );
    expect(suggestion('verify:\n  - {{x}}')).toBe('Quote the value: "{{x}}"');
  });

  it('cannot expand without bounds', () => {
    const lines = ['x0: &x0 [a, a, a, a, a, a, a, a, a, a]'];
    for (let i = 1; i < 12; i++)
      lines.push(`x${i}: &x${i} [${Array.from({ length: 10 }, () => `*x${i - 1}`).join(', ')}]`);
    expect(messages(read(lines.join('\n')).problems)).toEqual([
      expect.stringContaining('aliases expand to more than 1,000,000 values'),
    ]);
    const merges = ['m0: &m0 { a: 1 }'];
    for (let i = 1; i < 40; i++) merges.push(`m${i}: &m${i} { <<: [*m${i - 1}, *m${i - 1}], k${i}: 1 }`);
    expect(read(merges.join('\n')).problems.length).toBeGreaterThan(0);
  });

  it('cannot be nested without bounds', () => {
    expect(messages(read('['.repeat(300) + ']'.repeat(300)).problems)).toEqual([
      expect.stringContaining('nested too deeply'),
    ]);
    expect(read('['.repeat(100_000)).problems.length).toBeGreaterThan(0);
    expect(read('{a: '.repeat(20_000)).problems.length).toBeGreaterThan(0);
  });
});

/** A plan as text: buffers as what they hold, sources by their paths, nothing that depends on where it all is. */
function asJson(plan: Plan | null): string {
  const here = dirname(full);
  const paths = [...(plan?.sources.keys() ?? [])].map((path) => relative(here, path)).sort();
  const portable = { ...plan, path: '', digest: '', sources: paths };
  const shown = (key: string, value: unknown): unknown =>
    ['imageDirectory', 'privateKeyDirectory'].includes(key)
      ? relative(here, String(value))
      : bufferText(value);
  return `${JSON.stringify(portable, shown, 2).replaceAll(`${here}/`, '')}\n`;
}

function bufferText(value: unknown): unknown {
  const isBuffer =
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value;
  return isBuffer ? Buffer.from(value.data as number[]).toString() : value;
}
