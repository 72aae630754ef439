import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ConsumerProject } from '../support/consumer-project.ts';
import { consumerProject } from '../support/consumer-project.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const PLAN = `
version: 1
name: small
inputs: { count: { default: 1 }, word: {} }
levels:
  - name: only
    services:
      web: { count: "{{inputs.count}}", bootstrap: { run: 'echo "port=80" >> "$PLAN_OUTPUT"; echo hello' }, outputs: [port] }
`;

/** Uses every function of the API, and prints what it finds. */
const PROGRAM = `
import {
  formatProblems, LockedError, machineState, openState, OperationError, PlanError, PlanProblems, select, StateError,
  statusDocument, UsageError,
} from 'launch-plan';
import type { ExecEnd, FleetEvent, FleetResult, Operation, OperationResult, RunningMachine, Selector, StateSettings, TendResult } from 'launch-plan';

const settings: StateSettings = { cwd: import.meta.dirname, parallelism: 4, lockTimeout: 1_000, environment: process.env };
const found: string[] = [];
await using state = await openState(settings);

const { valid, problems } = await state.validate('plan.yml');
found.push(\`valid \${valid}\${formatProblems(problems)}\`);
try {
  await state.plan('plan.yml');
} catch (error) {
  if (!(error instanceof PlanProblems)) throw error;
  const kinds = [PlanError, UsageError, OperationError, LockedError, StateError].map((kind) => error instanceof kind);
  found.push(\`problems \${error.problems.length} \${kinds.join(' ')}\`);
}

const cancel = new AbortController();
const planned = await state.plan('plan.yml', { inputs: { count: 2, word: 'x' } });
found.push(\`would \${planned.forecast.differences.map(({ action, machine }) => \`\${action} \${machine}\`).join(', ')}\`);
const up: Operation<OperationResult> = state.up(planned, { ttl: 7_200_000, signal: cancel.signal, onEvent: (event, { name }) => {
  if (event.type === 'fact' && event.fact.type === 'operation-started') found.push(\`began \${name}\`);
} });
let facts = 0;
for await (const event of up) if (event.type === 'fact') facts += 1;
found.push(\`up \${(await up).outcome} \${facts > 0}\`);
await state.up('plan.yml', { name: 'small', inputs: ['word=y', 'count=2'], inputFiles: [], adopt: false });

const deployment = await state.deployment();
found.push(\`deployments \${(await state.deployments()).length} \${(await state.statuses()).map((one) => one.state).join()}\`);
const current = await deployment.state();
const machine = current.machines.get('web-0');
if (machine !== undefined) found.push(\`machine \${machineState(machine)}\`);
found.push(\`document \${statusDocument(current, { plan: (path) => path, log: (path) => path }).state}\`);
found.push(\`status \${(await deployment.status({ refresh: false })).state} \${await deployment.isBroken()}\`);
const { machines } = await deployment.outputs({ of: 'web.port', reveal: false });
found.push(\`outputs \${machines.map(({ values }) => values['port']).join()}\`);
let events = 0;
for await (const { fact } of deployment.events({ after: 0, follow: false })) if (fact.at > 0) events += 1;
found.push(\`events \${events > facts - 1}\`);
const files = await deployment.logFiles('web-0', { step: 'bootstrap' });
for await (const { bytes } of deployment.logs('web-0', { step: 'bootstrap', all: false }))
  found.push(\`logs \${files.length} \${bytes.toString().trim()}\`);

const selectors: readonly Selector[] = ['web', ['web-0', 'web-1'], { labels: ['index=1'] }, ({ index }) => index === 0];
found.push(\`select \${selectors.map((selector) => select(selector, current).join('+')).join(' ')}\`);
const running: RunningMachine[] = [];
for await (const one of deployment.machines('*', { connectTimeout: 10_000 })) running.push(one);
const answers = await Promise.all(running.map((one) => one.exec('echo "$0 $(cat)"', { stdin: one.name })));
found.push(\`exec \${answers.map(({ exitCode, stdout }) => \`\${exitCode} \${stdout.toString().trim().split(' ').at(-1)}\`).join()}\`);
await running[0]?.upload([{ path: 'a/b', mode: 0o644, bytes: Buffer.from('bytes') }]);
found.push(\`download \${(await running[0]?.download('a/b'))?.toString()}\`);
await running[0]?.forward({ port: 1 }, { signal: cancel.signal }).catch((error: unknown) => {
  found.push(\`forward \${error instanceof OperationError}\`);
});
{
  await using shell = await deployment.shell('web-0', { command: 'stty size; cat', terminal: { columns: 70, rows: 20 } });
  let shown = '';
  shell.stdout.on('data', (chunk: Buffer) => { shown += chunk.toString(); });
  shell.stdin.write(String.fromCharCode(4));
  found.push(\`shell \${(await shell.ended).exitCode} \${shown.split('\\r')[0]}\`);
}
const ssh = await deployment.sshCommand('web-0', { command: ['true'], terminal: false });
found.push(\`ssh \${ssh.kind === 'ssh' ? ssh.words.slice(-1).join() : ssh.why}\`);
const { machines: hosts, text } = await deployment.sshConfig('web');
found.push(\`config \${hosts.map(({ kind, name }) => \`\${kind} \${name}\`).join()} \${text.startsWith('Host web-0')}\`);
{
  await using forward = await deployment.forward('web-0', { port: 1, local: { host: '127.0.0.1' } }, { onError: () => undefined });
  const [first, second] = await deployment.forwards('web-0', [{ port: 1 }, { port: 2 }]);
  await first?.[Symbol.asyncDispose]();
  found.push(\`forwards \${forward.port > 0} \${(second?.port ?? 0) > 0}\`);
  await second?.[Symbol.asyncDispose]();
}

const waited = await deployment.wait({ for: 'ready', selector: 'web', timeout: 1_000 });
found.push(\`wait \${waited.end} \${waited.machines.map((one) => one.state).join()}\`);
const attached = await (await state.deployment('small', { timeout: 1_000 })).attach();
const { operation } = await attached.follow();
found.push(\`attach \${attached.presence} \${operation.kind} \${operation.outcome} \${(await attached.next()) === null}\`);
found.push(\`cancel \${await deployment.cancel().catch((error: unknown) => error instanceof UsageError)}\`);
const chunks: string[] = [];
const exec: Operation<FleetResult<ExecEnd>, FleetEvent<ExecEnd>> = deployment.exec('web', ['printf', '%s', 'a b'], {
  maxUnavailable: '50%', timeout: 60_000, keep: 2, onOutput: (machine, stream, chunk) => { chunks.push(\`\${machine} \${stream} \${chunk.length}\`); },
});
for await (const event of exec) if (event.type === 'began') found.push(\`began on \${event.machine}\`);
const ran = await exec;
const kept = ran.machines.map(({ outcome }) => outcome.kind === 'ended' && \`\${outcome.value.stdout} \${outcome.value.isTruncated}\`);
found.push(\`exec \${ran.succeeded} \${kept.join()} \${chunks.toSorted().join()} \${ran.logs !== null}\`);
const copied = await deployment.copyTo('web', 'plan.yml', '~/copied.yml', { maxUnavailable: '50%', user: undefined });
let back = 0;
const copying = deployment.copyFrom(['web-0'], ['copied.yml'], 'back.yml', { onBytes: (machine, count) => { back += count; } });
for await (const event of copying) if (event.type === 'selected') found.push(\`from \${event.machines.join()}\`);
const paths = (await copying).machines.map(({ outcome }) => outcome.kind === 'ended' && outcome.value.bytes === back);
found.push(\`copy \${copied.succeeded} \${paths.join()}\`);

found.push(\`verify \${(await deployment.verify({ inputs: { word: 'x' } })).every(({ failure }) => failure === null)}\`);
found.push(\`repair \${(await deployment.repair({ inputs: { word: 'x' } })).outcome}\`);
const healing = await deployment.prepareRepair({ inputs: { word: 'x' } });
const repair = healing.start();
repair.cancel(new Error('not now'));
found.push(\`cancelled \${await repair.then(({ outcome }) => outcome, (error: unknown) => (error as Error).message)}\`);
const ends = (machines: TendResult['machines']): string => machines.map(({ machine, became }) => \`\${machine} \${became}\`).join();
found.push(\`stop \${ends((await deployment.stop('web-1', { teardown: false })).machines)}\`);
found.push(\`start \${ends((await deployment.start({ states: ['stopped'] }, { inputs: { word: 'x' } })).machines)}\`);
found.push(\`reboot \${ends((await deployment.reboot('web-0', { serial: true, inputs: { word: 'x' } })).machines)}\`);
found.push(\`replace \${ends((await deployment.replace('web-0', { maxUnavailable: 1, inputs: { word: 'x' } })).machines)}\`);
const prepared = [
  await deployment.prepareStop('web'),
  await deployment.prepareStart('web', { timeout: 60_000, inputs: { word: 'x' } }),
  await deployment.prepareReboot('web-1', { maxUnavailable: '25%', inputs: { word: 'x' } }),
  await deployment.prepareReplace('web', { forceProtected: false, inputs: { word: 'x' } }),
];
found.push(\`prepared \${prepared.map(({ machines }) => machines.length).join()}\`);
const changes = [{ service: 'web', count: { kind: 'by', machines: 1 }, remove: [] }] as const;
const more = await deployment.prepareScale(changes, { inputs: { word: 'x' } });
found.push(\`would \${more.forecast.differences.map(({ action, machine }) => \`\${action} \${machine}\`).join()}\`);
found.push(\`scale \${(await deployment.scale(changes, { inputs: { word: 'x' } })).state.machines.size}\`);
const { levels, staying } = await deployment.departures({ only: 'web-2', inputs: { word: 'x' } });
found.push(\`departures \${levels.flatMap((level) => level.machines.map((one) => one.machine)).join()} \${staying}\`);
found.push(\`extend \${(await deployment.extend({ kind: 'to', milliseconds: 3_600_000 })).state.expiresAt !== null} \${(await state.expired()).length}\`);
found.push(\`down one \${(await deployment.down({ only: 'web-2', inputs: { word: 'x' } })).outcome}\`);
const sealed = await deployment.exportTo('small.export', { passphrase: 'words', force: true, logs: true, move: false });
{
  await using elsewhere = await openState({ directory: 'elsewhere', cwd: import.meta.dirname });
  const brought = await elsewhere.importFrom('small.export', { passphrase: 'words' });
  found.push(\`export \${sealed.machines} \${brought.machines} \${(await (await elsewhere.deployment()).status()).state}\`);
}
found.push(\`lock \${(await state.lockHolder('small')) === null} \${(await state.unlock('small', { nonce: 'x' })) === null}\`);
{
  await using survey = await state.gc({ plans: ['plan.yml'], olderThan: 0, inputs: { word: 'x' } });
  found.push(\`gc \${survey.orphans.length} \${survey.removable.length} \${(await survey.remove([])).size}\`);
}
const going = await deployment.prepareDown({ purge: true, inputs: { word: 'x' } });
found.push(\`there \${going.state.machines.size}\`);
found.push(\`down \${(await deployment.down({ skipTeardown: true })).outcome} \${(await going.start()).worked}\`);
console.log(found.join('\\n'));
`;

let project: ConsumerProject;
let index: string;

beforeAll(async () => {
  index = await readFile(join(ROOT, 'src/index.ts'), 'utf8');
  const types = exported(/^export type \{([^}]*)\}/gm);
  project = await consumerProject(
    {
      'program.ts': PROGRAM,
      'types.ts': `export type { ${types.join(', ')} } from 'launch-plan';\n`,
      'plan.yml': PLAN,
    },
    ['program.ts', 'types.ts'],
  );
});

afterAll(() => project[Symbol.asyncDispose]());

/** Names that the package exports by statements of this kind. */
function exported(statement: RegExp): readonly string[] {
  return [...index.matchAll(statement)].flatMap(([, names = '']) => names.match(/\w+/g) ?? []);
}

it('a program in a strict project uses every function of the API, and does what it says', async () => {
  for (const name of exported(/^export \{([^}]*)\}/gm)) expect(PROGRAM).toMatch(new RegExp(`\\b${name}\\b`));
  for (const [file, type] of Object.entries({
    state: 'State',
    deployment: 'Deployment',
    machines: 'RunningMachine',
  })) {
    const text = await readFile(join(ROOT, `src/api/${file}.ts`), 'utf8');
    const [, body = ''] = new RegExp(`^export interface ${type} [^{]*\\{\\n(.*?)^\\}`, 'ms').exec(text) ?? [];
    const methods = [...body.matchAll(/^  (\w+)\(/gm)].map(([, name = '']) => name);
    expect(methods.length).toBeGreaterThan(3);
    for (const method of methods) expect(PROGRAM).toMatch(new RegExp(`\\.${method}\\(`));
  }
  expect(await project.compile()).toBe('');
  const { stdout, stderr } = await project.run('program.js');
  expect(stderr).toBe('');
  expect(stdout.trimEnd().split('\n')).toEqual([
    'valid true',
    'problems 1 true true false false false',
    'would launch web-0, launch web-1',
    'began small',
    'up succeeded true',
    'deployments 1 ready',
    'machine ready',
    'document ready',
    'status ready false',
    'outputs 80,80',
    'events true',
    'logs 1 hello',
    'select web-0+web-1 web-0+web-1 web-1 web-0',
    'exec 0 web-0,0 web-1',
    'download bytes',
    'forward true',
    'shell 0 20 70',
    'ssh true',
    'config ssh web-0,ssh web-1 true',
    'forwards true true',
    'wait reached ready,ready',
    'attach ended up succeeded true',
    'cancel true',
    'began on web-0',
    'began on web-1',
    'exec true a  true,a  true web-0 stdout 3,web-1 stdout 3 true',
    'from web-0',
    'copy true true',
    'verify true',
    'repair succeeded',
    'cancelled not now',
    'stop web-1 done',
    'start web-1 done',
    'reboot web-0 done',
    'replace web-0 done',
    'prepared 2,0,1,2',
    'would launch web-2',
    'scale 3',
    'departures web-2 2',
    'extend true 0',
    'down one succeeded',
    'export 3 3 degraded',
    'lock true true',
    'gc 0 0 0',
    'there 3',
    'down succeeded false',
  ]);
});

it('the package says nothing of its own, and loads nothing heavy before it is used', async () => {
  const heavy = /ssh2|better-sqlite3|handlebars|ajv|dockerode/;
  const program = `
    import { createRequire } from 'node:module';
    await import('launch-plan');
    console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));
  `;
  await writeFile(join(project.path, 'load.mjs'), program);
  const { stdout, stderr } = await project.run('load.mjs');
  expect(stderr).toBe('');
  expect((JSON.parse(stdout) as readonly string[]).filter((path) => heavy.test(path))).toEqual([]);
});
