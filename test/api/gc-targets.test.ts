import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GcTargets } from '../../src/api/gc-targets.ts';
import { gcTargets } from '../../src/api/gc-targets.ts';
import { inputSource } from '../../src/api/given-inputs.ts';
import { problemLine } from '../../src/cli/orphan-report.ts';
import type { PlanRecord } from '../../src/fact.ts';
import type { LedgerEntry, Store } from '../../src/state/store.ts';
import { createMemoryDisk, openMemoryStore } from '../support/memory-store.ts';
import { workspace } from '../cli/command.ts';

const WEST = `
version: 1
name: web
inputs:
  secret: { env: SECRET, sensitive: true }
  region: { default: us-west-2 }
providers:
  west: { type: ec2, region: "{{inputs.region}}" }
  keyed: { type: ec2, region: us-west-2, accessKeyId: AKIA, secretAccessKey: "{{inputs.secret}}" }
levels: [{ name: app, services: { web: {} } }]
`;
const OTHER = `
version: 1
name: other
providers: { cloud: { region: us-west-2, type: ec2 } }
levels: [{ name: app, services: { web: {} } }]
`;

interface Recorded extends Partial<Omit<LedgerEntry, 'plan'>> {
  /** Null: the archive is lost. */
  readonly text: string | null;
  readonly inputs?: PlanRecord['inputs'];
}

/** What would be asked with these plans and these deployments recorded. */
async function asked(
  deployments: Readonly<Record<string, Recorded>>,
  {
    plans = [],
    inputs = {},
    inputFiles = [],
    env = {},
  }: {
    plans?: string[];
    inputs?: Record<string, string>;
    inputFiles?: string[];
    env?: Record<string, string>;
  } = {},
): Promise<GcTargets> {
  await using space = await workspace({
    'web.yml': WEST,
    'other.yml': OTHER,
    'region.yml': 'region: us-east-1\n',
  });
  await mkdir(join(space.path, 'sub'));
  await writeFile(join(space.path, 'sub/secret.yml'), 'secret: hush\n');
  const store = openMemoryStore(createMemoryDisk());
  const entries: LedgerEntry[] = [];
  for (const [name, { text, inputs: given = {}, ...more }] of Object.entries(deployments)) {
    const path = `/plans/${name}.yml`;
    const bytes = Buffer.from(text ?? '');
    const archive = await store.saveSources(new Map([[path, { kind: 'file', mode: 0o644, bytes }]]));
    const plan = { digest: '', path, name, inputs: given, archive, levels: [] };
    const nothing = { instances: new Map(), batches: new Map(), scopes: new Map() };
    entries.push({ name, uuid: `u-${name}`, plan: text === '' ? null : plan, ...nothing, ...more });
  }
  const recorded: Store = { ...store, ledger: () => Promise.resolve(entries) };
  const source = inputSource({ cwd: space.path, environment: env }, { inputs, inputFiles });
  return await gcTargets(recorded, { plans: plans.map((plan) => join(space.path, plan)), inputs: source });
}

function shown({ targets }: GcTargets): readonly string[] {
  return targets.map(({ config: { name, type, options }, place, uses }) => {
    const region = options['region'];
    const whose = uses.map(({ uuid, provider }) => `${uuid} ${provider}`).join(', ');
    return [name, type, typeof region === 'string' ? region : '-', place ?? '-', whose].join(' | ');
  });
}

describe('gcTargets()', () => {
  it('asks local, and nothing else where nothing is recorded', async () => {
    expect(shown(await asked({}))).toEqual(['local | local | - | - | ']);
    expect(shown(await asked({ empty: { text: '' } }))).toEqual(['local | local | - | - | ']);
  });

  it('asks each configuration once, at each place', async () => {
    const scopes = (place: string): Map<string, string> => new Map([['west', place]]);
    const found = await asked(
      {
        one: { text: WEST, scopes: scopes('account 1') },
        two: { text: WEST },
        three: { text: WEST, scopes: scopes('account 2') },
        four: { text: WEST, inputs: { region: 'eu-west-1' } },
      },
      { plans: ['other.yml'], env: { SECRET: 'hush' } },
    );
    expect(found.problems).toEqual([]);
    const local = ['one', 'two', 'three', 'four'].map((name) => `u-${name} local`).join(', ');
    const keyed = local.replaceAll('local', 'keyed');
    expect(shown(found)).toEqual([
      `local | local | - | - | ${local}`,
      `operator | operator | - | - | ${local.replaceAll('local', 'operator')}`,
      'cloud | ec2 | us-west-2 | account 1 | u-one west, u-two west',
      'west | ec2 | us-west-2 | account 2 | u-three west',
      `keyed | ec2 | us-west-2 | - | ${keyed}`,
      'west | ec2 | eu-west-1 | - | u-four west',
    ]);
  });

  it('gives each plan the inputs that it declares', async () => {
    const found = await asked(
      {},
      {
        plans: ['web.yml', 'other.yml'],
        inputs: { region: 'eu-west-1' },
        inputFiles: ['sub/secret.yml', 'region.yml'],
      },
    );
    expect(found.problems).toEqual([]);
    expect(shown(found).slice(2)).toEqual([
      'west | ec2 | eu-west-1 | - | ',
      'keyed | ec2 | us-west-2 | - | ',
      'cloud | ec2 | us-west-2 | - | ',
    ]);
  });

  it('keeps no provider from being asked by another that lacks an input', async () => {
    const found = await asked({ one: { text: WEST, scopes: new Map([['keyed', null]]) } });
    expect(shown(found).slice(1)).toEqual(['west | ec2 | us-west-2 | - | u-one west']);
    expect(found.problems).toHaveLength(1);
    expect(found.problems.map(problemLine).join()).toMatch(
      /^Cannot ask provider "keyed" of "one": \S*one\.yml:5: Cannot go on without input "secret": it has no value\. Set environment variable SECRET/,
    );
  });

  it('asks the provider of the machines that others share, and nobody else about the shares', async () => {
    const instances = new Map([
      ['i-1', 'west'],
      ['i-1/agent-0.1', '(colocated) west'],
    ]);
    const found = await asked({ one: { text: WEST, instances } });
    expect(found.problems.filter(({ provider }) => provider !== 'keyed')).toEqual([]);
    expect(shown(found).slice(1)).toEqual(['west | ec2 | us-west-2 | - | u-one west']);
  });

  it('names the plans that are not kept any more', async () => {
    const found = await asked({
      lost: { text: null, scopes: new Map([['west', null]]) },
      changed: { text: OTHER, batches: new Map([['token', 'west']]), instances: new Map([['i-1', 'cloud']]) },
    });
    const [lost = '', changed = ''] = found.problems.map(problemLine);
    expect(lost).toMatch(/^Cannot ask the providers of "lost": /);
    expect(changed).toBe(
      'Cannot ask provider "west" of "changed": The plan that declared it is not kept any more. Name one that declares it.',
    );
    expect(found.problems).toHaveLength(2);
  });
});
