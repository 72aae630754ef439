import { describe, expect, it } from 'vitest';
import { isCidrBlock } from '../../src/plan/cidr-block.ts';
import { formatProblems } from '../../src/plan/diagnostic.ts';
import { readPlan } from '../../src/plan/load.ts';
import type { Service } from '../../src/plan/plan.ts';
import type { Scope, Template } from '../../src/plan/template.ts';
import { render } from '../../src/plan/template.ts';
import { archivedSources } from '../../src/sources.ts';
import { findService, messages, planOf, planText, read, resolve } from './memory.ts';

const WEST = 'providers: { west: { type: ec2, region: us-west-2 } }\ndefaults: { provider: west }';
const SCOPE: Scope = {
  inputs: {},
  deployment: { name: 'test' },
  self: { service: 'web', level: 'one', name: 'web-0' },
};

type Files = Readonly<Record<string, string>>;

/** The service `web` of a plan on EC2. */
function serviceOn(keys: string, files: Files = {}, head = ''): Service {
  return findService(planOf(planText(keys, `${head}\n${WEST}`), files), 'web');
}

function optionOf(service: Service, key: string): unknown {
  return (service.options as Record<string, unknown>)[key];
}

/** The options as JSON: templates as their texts. */
function optionsOf(service: Service): unknown {
  return JSON.parse(JSON.stringify(service.options));
}

function userDataOf(service: Service): string {
  return render(optionOf(service, 'userData') as Template, SCOPE);
}

function problemsOf(keys: string, head = ''): readonly string[] {
  return messages(resolve(read(planText(keys, head))).problems);
}

describe('a provider of type ec2', () => {
  const secrets =
    'inputs: { id: { default: AKIA }, secret: { sensitive: true }, token: { sensitive: true, default: "" } }';
  const provider = (keys: string): string => `${secrets}\nproviders: { west: { type: ec2, ${keys} } }`;

  it('has rendered options', () => {
    const head = provider(
      'region: us-west-2, pollInterval: 2s, sshFrom: [10.0.0.0/8], accessKeyId: "{{inputs.id}}", secretAccessKey: "{{inputs.secret}}"',
    );
    const { plan } = resolve(read(planText('labels: { t: "{{inputs.token}}" }', head)), {
      flags: ['secret=shh'],
    });
    expect(plan?.providers['west']).toEqual({
      name: 'west',
      type: 'ec2',
      options: {
        region: 'us-west-2',
        accessKeyId: 'AKIA',
        secretAccessKey: 'shh',
        pollInterval: '2s',
        sshFrom: ['10.0.0.0/8'],
      },
    });
  });

  it('leaves out what renders to nothing', () => {
    const head = provider(
      'region: x, accessKeyId: "{{inputs.id}}", secretAccessKey: "{{inputs.secret}}", sessionToken: "{{inputs.token}}"',
    );
    const { plan } = resolve(read(planText('', head)), { flags: ['secret=shh'] });
    expect(Object.keys(plan?.providers['west']?.options ?? {})).toEqual([
      'region',
      'accessKeyId',
      'secretAccessKey',
    ]);
  });

  it('needs no region where it has an endpoint', () => {
    expect(
      planOf(planText('', 'providers: { west: { type: ec2, endpoint: "http://127.0.0.1:5000" } }')).providers,
    ).toMatchObject({
      west: { options: { endpoint: 'http://127.0.0.1:5000' } },
    });
  });

  it('does not show a secret that is written into the plan', () => {
    const head = provider(
      'region: x, accessKeyId: AKIA, secretAccessKey: wJalrXUtnFEMI, sessionToken: tokentoken',
    );
    const text = formatProblems(read(planText('', head)).problems);
    expect(text).toContain(
      'Cannot use "secretAccessKey": a secret does not belong in a plan\n  Declare an input',
    );
    expect(text).toContain('Cannot use "sessionToken": a secret does not belong in a plan\n');
    expect(text).not.toMatch(/wJalr|tokentoken/);
  });

  it('is not judged before the inputs are known that decide its type', () => {
    const head = 'inputs: { where: {} }\nproviders: { west: { type: "{{inputs.where}}", profile: x } }';
    expect(read(planText('provider: west\nimage: { owner: self, name: x }', head)).problems).toEqual([]);
    const { problems } = resolve(read(planText('', head)), { flags: ['where=local'] });
    expect(messages(problems)).toEqual(['4:48 Cannot use key "profile": a local provider has no such key']);
  });

  it('may be called local, which the services use that name none', () => {
    const service = findService(
      planOf(planText('ec2: { keyName: k }', 'providers: { local: { type: ec2, region: x } }')),
      'web',
    );
    expect(service).toMatchObject({ provider: 'local', options: { keyName: { text: 'k' } } });
  });
});

describe('resolvePlan() for a down', () => {
  const head = [
    'inputs: { a: { sensitive: true }, b: { sensitive: true }, c: {}, t: {} }',
    'providers:',
    '  west: { type: ec2, region: x, accessKeyId: A, secretAccessKey: "{{inputs.a}}" }',
    '  east: { type: ec2, region: "{{inputs.c}}", accessKeyId: A, secretAccessKey: "{{inputs.b}}" }',
  ].join('\n');
  const keys =
    'provider: west\nec2: { userData: "{{inputs.c}}" }\nteardown: { run: x, args: ["{{inputs.t}}"] }';
  const asked = (request: Parameters<typeof resolve>[2]): readonly string[] =>
    resolve(read(planText(keys, head)), {}, request).problems.map(
      ({ message }) => /without input "(\w+)"/.exec(message)?.[1] ?? message,
    );

  it('asks for the inputs of the providers that are opened', () => {
    expect(asked({ need: 'none' })).toEqual([]);
    expect(asked({ need: 'none', providers: ['west', 'local', 'gone'] })).toEqual(['a']);
    expect(asked({ need: 'teardown', providers: ['west'] })).toEqual(['a', 't']);
    expect(asked({ need: 'teardown', providers: [] })).toEqual(['t']);
    expect(asked({ need: 'teardown' })).toEqual(['a', 'b', 'c', 't']);
    expect(asked({ need: 'all', providers: [] })).toEqual(['a', 'b', 'c', 't']);
  });

  it('gives a plan without the options that are not known', () => {
    const { plan } = resolve(
      read(planText(keys, head)),
      { flags: ['a=shh'] },
      { need: 'none', providers: ['west'] },
    );
    expect(plan?.providers).toMatchObject({ west: { options: { secretAccessKey: 'shh' } } });
    expect(plan?.providers['east']?.options).toEqual({ accessKeyId: 'A' });
  });
});

describe('ec2', () => {
  it('holds the options of a service whose provider is of that type, and no others', () => {
    const head = [
      'inputs: { where: { default: west } }',
      'providers: { west: { type: ec2, region: x }, here: { type: local } }',
    ].join('\n');
    const keys = [
      'provider: "{{inputs.where}}"',
      'local: { bootDelay: "{{self.index}}s" }',
      'ec2: { instanceType: t3.micro, userData: "{{self.service}}" }',
    ].join('\n');
    const on = (where: string): Service => {
      const { plan } = resolve(read(planText(keys, head)), { flags: [`where=${where}`] });
      if (plan === null) throw new Error('There is no plan.');
      return findService(plan, 'web');
    };
    expect(on('west')).toMatchObject({
      options: { instanceType: { text: 't3.micro' } },
      launchesOneByOne: false,
    });
    expect(Object.keys(on('west').options as object)).toEqual(['instanceType', 'userData']);
    for (const where of ['here', 'local']) {
      expect(optionsOf(on(where))).toEqual({ bootDelay: { text: '{{self.index}}s' } });
      expect(on(where).launchesOneByOne).toBe(true);
    }
  });

  it('merges with its default key by key', () => {
    const head = WEST.replace(
      'provider: west',
      'provider: west, ec2: { instanceType: t3.micro, rootVolume: { sizeGiB: 8 }, keyName: k }',
    );
    const plan = planOf(planText('ec2: { rootVolume: { type: gp3 }, keyName: null, spot: false }', head));
    expect(findService(plan, 'web').options).toEqual({
      instanceType: { text: 't3.micro' },
      rootVolume: { type: { text: 'gp3' } },
    });
  });

  it('has numbers, booleans and spot as far as inputs tell, and templates else', () => {
    const head = 'inputs: { size: { default: 20 }, yes: { default: true }, no: { default: false } }';
    const keys = (spot: string): string =>
      `ec2: { rootVolume: { sizeGiB: "{{inputs.size}}", encrypted: "{{inputs.yes}}" }, associatePublicIp: "{{eq self.service 'web'}}", spot: ${spot} }`;
    const unused = '\nenv: { A: "{{inputs.no}}" }';
    expect(optionsOf(serviceOn(keys('"{{inputs.yes}}"') + unused, {}, head))).toEqual({
      rootVolume: { sizeGiB: 20, encrypted: true },
      associatePublicIp: { text: "{{eq self.service 'web'}}" },
      spot: {},
    });
    expect(optionOf(serviceOn(keys('"{{inputs.no}}"'), {}, head), 'spot')).toBeUndefined();
    expect(optionOf(serviceOn(keys('true') + unused, {}, head), 'spot')).toEqual({});
    expect(optionOf(serviceOn(keys('{}') + unused, {}, head), 'spot')).toEqual({});
    expect(optionOf(serviceOn(keys('{ maxPrice: 0.050 }') + unused, {}, head), 'spot')).toEqual({
      maxPrice: { text: '0.050' },
    });
  });

  it('launches one by one when an option mentions the machine, in a file of user data too', () => {
    expect(serviceOn('ec2: { tags: { a: "{{self.name}}" } }').launchesOneByOne).toBe(true);
    expect(serviceOn('ec2: { subnetId: ["{{self.index}}"] }').launchesOneByOne).toBe(true);
    const file = (template: boolean): Service =>
      serviceOn(`ec2: { userData: { file: init, template: ${template} } }`, { init: '{{self.name}}' });
    expect(file(true).launchesOneByOne).toBe(true);
    expect(file(false).launchesOneByOne).toBe(false);
  });
});

describe('user data', () => {
  it('is a template, a file as it is, or a file that is a template', () => {
    const files = { init: '#!/bin/sh\necho {{self.service}}\n' };
    expect(userDataOf(serviceOn('ec2: { userData: "on {{self.service}}" }'))).toBe('on web');
    expect(userDataOf(serviceOn('ec2: { userData: { file: init } }', files))).toBe(files.init);
    expect(userDataOf(serviceOn('ec2: { userData: { file: init, template: true } }', files))).toBe(
      '#!/bin/sh\necho web\n',
    );
  });

  it('is relative to the file that mentions it, and kept with the plan', () => {
    const text = `version: 1\nname: test\ninputs: { f: { default: init } }\n${WEST.replace('west }', 'west, ec2: { userData: { file: "{{inputs.f}}" } } }')}\nlevels: [{ file: levels/a.yml }]`;
    const files = {
      'levels/a.yml':
        'name: one\nservices: { web: { ec2: { userData: { file: init, template: true } } }, app: }',
      'levels/init': 'level {{self.level}}',
      init: 'default',
    };
    const plan = planOf(text, files);
    expect([userDataOf(findService(plan, 'web')), userDataOf(findService(plan, 'app'))]).toEqual([
      'level one',
      'default',
    ]);
    expect([...plan.sources.keys()]).toEqual(expect.arrayContaining(['/plans/levels/init', '/plans/init']));
    const again = resolve(readPlan('/plans/plan.yml', archivedSources(plan.sources))).plan;
    expect(again).toEqual(plan);
    expect(planOf(text, { ...files, init: 'other' }).digest).not.toBe(plan.digest);
  });

  it('uses the inputs that its file mentions, whichever file inputs choose', () => {
    const head = `inputs: { f: { default: init }, x: { default: y } }\n${WEST}`;
    const document = read(planText('ec2: { userData: { file: "{{inputs.f}}", template: true } }', head), {
      init: '{{inputs.x}}',
    });
    expect(document.warnings).toEqual([]);
    expect(resolve(document)).toMatchObject({ problems: [], warnings: [] });
  });
});

describe('an image', () => {
  it('is a text or a query', () => {
    expect(serviceOn('image: ami-0123abc').image).toMatchObject({ text: 'ami-0123abc' });
    expect(serviceOn('image: ssm:/a/b').image).toMatchObject({ text: 'ssm:/a/b' });
    expect(serviceOn('image: "{{self.service}}"').image).toMatchObject({ text: '{{self.service}}' });
    expect(serviceOn('image: { owner: "123456789012", name: "web-{{self.level}}-*" }').image).toEqual({
      owner: { text: '123456789012' },
      name: expect.objectContaining({ text: 'web-{{self.level}}-*' }) as unknown,
    });
    expect(serviceOn('image: { owner: self, name: "{{self.name}}" }').launchesOneByOne).toBe(true);
  });

  it('is not known to be wrong before it is known which provider it is for', () => {
    const head = 'inputs: { where: { default: local } }\nproviders: { west: { type: ec2, region: x } }';
    const keys = 'provider: "{{inputs.where}}"\nimage: { owner: self, name: x }';
    expect(read(planText(keys, head)).problems).toEqual([]);
    expect(problemsOf(keys, head)).toEqual([
      '10:9 Cannot use "image": a local machine starts from a directory, not from a map',
    ]);
    expect(problemsOf(keys, head.replace('default: local', 'default: west'))).toEqual([]);
  });
});

describe('ssh.hostKey', () => {
  const of = (keys: string, head = ''): readonly [boolean, boolean] => {
    const { hostKeyByProvider, launchesOneByOne } = serviceOn(keys, {}, head);
    return [hostKeyByProvider, launchesOneByOne];
  };

  it('is the provider’s unless the plan says how it is judged; perMachine launches one by one', () => {
    expect(of('')).toEqual([true, false]);
    expect(of('ssh: { user: admin, hostKey: null }')).toEqual([true, false]);
    expect(of('ssh: { hostKey: perMachine }')).toEqual([true, true]);
    expect(of('ssh: { hostKey: pinFirst }')).toEqual([false, false]);
    expect(of('ssh: { hostKey: knownHosts }')).toEqual([false, false]);
    expect(of(`ssh: { hostKey: SHA256:${'a'.repeat(43)} }`)).toEqual([false, false]);
  });

  it('may be decided by inputs, and by nothing else here', () => {
    const head = 'inputs: { how: { default: perMachine } }';
    expect(of('ssh: { hostKey: "{{inputs.how}}" }', head)).toEqual([true, true]);
    expect(of('ssh: { hostKey: "{{inputs.how}}" }', head.replace('perMachine', 'pinFirst'))).toEqual([
      false,
      false,
    ]);
    expect(
      of(`ssh: { hostKey: "{{#if (eq self.service 'web')}}perMachine{{else}}pinFirst{{/if}}" }`),
    ).toEqual([false, false]);
  });
});

describe('isCidrBlock()', () => {
  it.each([
    '0.0.0.0/0',
    '203.0.113.7/32',
    '::/0',
    '2001:db8::/32',
    '1:2:3:4:5:6:7:8/128',
    '::1/128',
    'fe80::1:2/64',
  ])('takes %s', (text) => expect(isCidrBlock(text)).toBe(true));

  it.each([
    '',
    '10.0.0.0',
    '10.0.0/8',
    '256.0.0.0/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '::/129',
    ':::/0',
    '1::2::3/4',
    '1:2:3:4:5:6:7::8/64',
    '1:2/64',
    'g::/8',
    '12345::/8',
  ])('refuses "%s"', (text) => expect(isCidrBlock(text)).toBe(false));
});
