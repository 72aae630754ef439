import { describe, expect, it } from 'vitest';
import { readPlan } from '../../src/plan/load.ts';
import type { Service } from '../../src/plan/plan.ts';
import { render } from '../../src/plan/template.ts';
import type { Template } from '../../src/plan/template.ts';
import { archivedSources } from '../../src/sources.ts';
import { findService, messages, planOf, planText, read, resolve, serviceOf } from './memory.ts';

const INPUTS =
  'inputs: { host: { default: web.example }, port: { default: 2222 }, rack: { default: rack }, socket: { default: /run/agent }, pw: { sensitive: true, default: s3cret } }';

function optionsOf(provider: string, files: Readonly<Record<string, string>> = {}): unknown {
  return planOf(planText('', `${INPUTS}\nproviders: { x: { ${provider} } }`), files).providers['x']?.options;
}

function serviceOn(provider: string, keys: string, files: Readonly<Record<string, string>> = {}): Service {
  return findService(
    planOf(planText(`provider: x\n${keys}`, `${INPUTS}\nproviders: { x: { ${provider} } }`), files),
    'web',
  );
}

describe('a provider of type hosts', () => {
  it('has hosts however they are written', () => {
    const hosts =
      '["{{inputs.host}}", "ann@web:23", "[fe80::1]:22", "fe80::2", { address: "{{inputs.host}}", port: "{{inputs.port}}", hostname: h, user: op, labels: { row: 1.10, on: true, host: "{{inputs.host}}" } }]';
    expect(optionsOf(`type: hosts, hosts: ${hosts}`)).toEqual({
      hosts: [
        { address: 'web.example' },
        { address: 'web', port: 23, user: 'ann' },
        { address: 'fe80::1', port: 22 },
        { address: 'fe80::2' },
        {
          address: 'web.example',
          hostname: 'h',
          port: 2222,
          user: 'op',
          labels: { row: '1.10', on: 'true', host: 'web.example' },
        },
      ],
    });
  });

  it('has the hosts of an inventory in YAML or JSON, which is archived with the plan', () => {
    const files = {
      'inv/rack.yml': '- web\n- { address: db, labels: { a: 1 } }\n',
      'inv.json': '["web:23"]',
    };
    expect(optionsOf('type: hosts, inventory: "inv/{{inputs.rack}}.yml"', files)).toEqual({
      hosts: [{ address: 'web' }, { address: 'db', labels: { a: '1' } }],
    });
    expect(optionsOf('type: hosts, inventory: inv.json', files)).toEqual({
      hosts: [{ address: 'web', port: 23 }],
    });
    const text = planText('', 'providers: { x: { type: hosts, inventory: inv.json } }');
    const plan = planOf(text, files);
    expect([...plan.sources.keys()]).toEqual(['/plans/plan.yml', '/plans/inv.json']);
    const again = resolve(readPlan('/plans/plan.yml', archivedSources(plan.sources))).plan;
    expect(again).toEqual(plan);
  });

  it('is handed the path of an inventory that is a program', () => {
    const files = { 'bin/hosts': '#!/bin/sh\necho "[web]"\n' };
    expect(optionsOf('type: hosts, inventory: bin/hosts', files)).toEqual({
      inventory: '/plans/bin/hosts',
    });
  });

  it('may be chosen by an input that is not known yet', () => {
    const head =
      'inputs: { kind: {}, list: {} }\nproviders: { x: { type: "{{inputs.kind}}", inventory: "{{inputs.list}}" } }';
    expect(read(planText('provider: x\nimage: a', head)).problems).toEqual([]);
    const { problems } = resolve(read(planText('', head)), { flags: ['kind=hosts', 'list=no.yml'] });
    expect(messages(problems)).toEqual([
      '4:55 Cannot read inventory "no.yml": there is no file that can be read',
    ]);
  });

  it('has services that choose by labels', () => {
    const service = serviceOn(
      'type: hosts, hosts: [a]',
      'hosts: { labels: { disk: ssd, index: "{{self.index}}" } }\ndocker: { pull: never }',
    );
    expect(service.options).toMatchObject({
      labels: { disk: { text: 'ssd' }, index: { text: '{{self.index}}' } },
    });
    expect(service).toMatchObject({ image: null, launchesOneByOne: true });
    expect(serviceOn('type: hosts, hosts: [a]', '').options).toEqual({});
  });
});

describe('a provider of type docker', () => {
  it('is where an engine listens, a context, or neither', () => {
    expect(optionsOf('type: docker, host: "tcp://{{inputs.host}}:2375"')).toEqual({
      host: 'tcp://web.example:2375',
    });
    expect(optionsOf('type: docker, context: desk')).toEqual({ context: 'desk' });
    expect(optionsOf('type: docker')).toEqual({});
  });

  it('starts from a reference, or from a directory whose names alone are archived', () => {
    const on = (image: string): Service =>
      serviceOn('type: docker', `image: ${image}`, { 'box/Dockerfile': 'FROM scratch', 'box/a': 'a' });
    expect(on('debian:13').image).toMatchObject({ text: 'debian:13' });
    const built = (directory: string) => {
      const { image, imageDirectory } = on(`{ build: ${directory} }`);
      const text = render(image as Template, { inputs: {}, deployment: { name: 'x' } });
      return [JSON.parse(text) as unknown, imageDirectory];
    };
    // A plan that lies elsewhere asks for the same.
    for (const directory of ['box', './box/', '../plans/box'])
      expect(built(directory)).toEqual([{ build: 'box' }, '/plans']);
    expect(built('/plans/box')).toEqual([{ build: '/plans/box' }, '/plans']);
    const text = planText(
      'image: { build: box }',
      'defaults: { provider: x }\nproviders: { x: { type: docker } }',
    );
    const plan = planOf(text, { 'box/Dockerfile': 'FROM scratch', 'box/a': 'a' });
    expect([...plan.sources.keys()]).toEqual(['/plans/plan.yml', '/plans/box']);
    expect(resolve(readPlan('/plans/plan.yml', archivedSources(plan.sources))).plan).toEqual(plan);
  });

  it('has options of its services', () => {
    const keys =
      'docker: { ports: [80], cpus: 1.50, memory: 5, privileged: true, command: "sleep {{inputs.port}}" }';
    expect(serviceOn('type: docker', keys).options).toMatchObject({
      ports: [{ text: '80' }],
      cpus: { text: '1.50' },
      memory: { text: '5' },
      privileged: true,
      command: { text: 'sleep {{inputs.port}}' },
    });
  });
});

describe('the operator', () => {
  it('is there undeclared, with nothing to say of it', () => {
    expect(serviceOf('provider: operator\nlocal: { bootDelay: 1s }\ncount: 1')).toMatchObject({
      provider: 'operator',
      image: null,
      options: {},
      count: { min: 1, max: 1 },
    });
    expect(planOf(planText('')).providers['operator']).toEqual({
      name: 'operator',
      type: 'operator',
      options: {},
    });
  });

  it('may be another provider that is called so', () => {
    const head = 'providers: { operator: { type: local } }';
    expect(serviceOf('provider: operator\ncount: 3', {}, head).count.max).toBe(3);
  });
});

describe('ssh', () => {
  it.each([
    ['true', true],
    ['false', false],
    ['"true"', true],
    ['"{{inputs.socket}}"', { text: '{{inputs.socket}}' }],
    ['~/agent', { text: '~/agent' }],
  ])('has agent: %s', (written, agent) => {
    expect(serviceOf(`ssh: { agent: ${written} }`, {}, INPUTS).ssh.agent).toEqual(
      typeof agent === 'boolean' ? agent : (expect.objectContaining(agent) as unknown),
    );
  });

  it('has a password, which no problem shows', () => {
    expect(serviceOf('ssh: { password: "{{inputs.pw}}" }', {}, INPUTS).ssh.password).toMatchObject({
      text: '{{inputs.pw}}',
    });
    const problems = read(planText('ssh: { password: hunter2 }')).problems;
    expect(JSON.stringify(problems)).not.toContain('hunter2');
    expect(problems).toHaveLength(1);
  });
});
