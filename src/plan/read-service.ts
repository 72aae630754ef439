import { dirname } from 'node:path';
import { firstIndexes } from '../count.ts';
import type { DraftService } from './draft.ts';
import { keyOf } from './draft.ts';
import type { Reading } from './fields.ts';
import { readDuration, readTemplate, readTemplates, readWhole, renderText, showRendered } from './fields.ts';
import { didYouMean } from '../nearest.ts';
import type { Node } from './node.ts';
import { child, scalarOf, stringOf } from './node.ts';
import { presentOptions, wholeOptions } from './option-fields.ts';
import type { OutputSpec, Service, TemplateTree, Timeouts } from './plan.ts';
import { quoted } from './problems.ts';
import type { ProviderType } from './provider-types.ts';
import { isProviderType } from './provider-types.ts';
import { readChecks } from './read-checks.ts';
import { readDocker } from './read-docker.ts';
import { readEc2 } from './read-ec2.ts';
import { readFiles } from './read-files.ts';
import { readImage } from './read-image.ts';
import { readScript } from './read-script.ts';
import { readSsh } from './read-ssh.ts';
import { problemAt } from './text-file.ts';

const MINUTE = 60_000;
const COUNT = { min: 0, max: 10_000 };
const TRIES = { min: 1, max: Infinity };

/** Reads a service's keys with the inputs that are known; what is not known yet has its default. It has no peers. */
export function readService(reading: Reading, draft: DraftService): Service {
  const key = (name: string): Node | undefined => keyOf(draft, name);
  const provider = readProvider(reading, key('provider'));
  const type = provider === undefined ? undefined : reading.providerTypes.get(provider);
  const labels = wholeOptions(readTemplates(reading, child(key('hosts'), 'labels')));
  const options: Readonly<Record<ProviderType, TemplateTree>> = {
    local: readTemplates(reading, key('local')),
    hosts: presentOptions({ labels }),
    docker: readDocker(reading, key('docker')),
    operator: {},
    ec2: readEc2(reading, draft, key('ec2')),
  };
  const hostKey = child(key('ssh'), 'hostKey');
  const isPerMachine = renderText(reading, hostKey)?.trim() === 'perMachine';
  const timeouts = readTimeouts(reading, key('timeouts'));
  const count = readCount(reading, key('count'));
  if (type === 'operator') checkSingle(reading, key('count'), count);
  const attempts = {
    launch: readWhole(reading, child(key('attempts'), 'launch'), TRIES) ?? 3,
    bootstrap: readWhole(reading, child(key('attempts'), 'bootstrap'), TRIES) ?? 1,
  };
  return {
    name: draft.name,
    level: draft.level,
    levelIndex: draft.levelIndex,
    provider: provider ?? 'local',
    count,
    indexes: firstIndexes(count.max),
    planned: null,
    image: readImage(reading, draft.keys.entries.get('image'), type),
    imageDirectory: dirname((key('image') ?? draft).place.file.path),
    options: options[type !== undefined && isProviderType(type) ? type : 'local'],
    ssh: readSsh(reading, key('ssh')),
    user: stringOf(key('user')) ?? null,
    env: readTemplates(reading, key('env')),
    files: readFiles(reading, draft, key('files')),
    bootstrap: readScript(reading, key('bootstrap'), {
      timeout: timeouts.bootstrap,
      attempts: attempts.bootstrap,
    }),
    verify: readChecks(reading, key('verify'), timeouts.verify),
    teardown: readScript(reading, key('teardown'), { timeout: timeouts.teardown, attempts: 1 }),
    outputs: readOutputs(reading, draft),
    labels: readTemplates(reading, key('labels')),
    timeouts,
    attempts,
    repair: { attempts: readWhole(reading, child(key('repair'), 'attempts'), TRIES) ?? 2 },
    protect: readProtect(reading, key('protect')),
    update: readUpdate(reading, key('update'), count.max),
    launchesOneByOne: isPerMachine,
    hostKeyByProvider: hostKey === undefined || isPerMachine,
    colocate: null,
    peers: [],
  };
}

/** Undefined: inputs that are not known yet decide it. */
function readProvider(reading: Reading, node: Node | undefined): string | undefined {
  if (node === undefined) return 'local';
  const name = renderText(reading, node);
  if (name === undefined || reading.providers.has(name)) return name;
  const message = `Cannot use provider ${quoted(showRendered(reading, node, name))}: there is none of that name`;
  reading.problems.push(problemAt(node.place, message, didYouMean(name, reading.providers)));
  return name;
}

function readCount(reading: Reading, node: Node | undefined): Service['count'] {
  if (node?.kind !== 'map') {
    const count = readWhole(reading, node, COUNT) ?? 1;
    return { min: count, max: count };
  }
  const min = readWhole(reading, child(node, 'min'), COUNT);
  const max = readWhole(reading, child(node, 'max'), COUNT);
  const place = child(node, 'min')?.place;
  if (place !== undefined && min !== undefined && max !== undefined && min > max)
    reading.problems.push(problemAt(place, `Cannot use "count": min ${min} is more than max ${max}`));
  return { min: min ?? 1, max: max ?? min ?? 1 };
}

function checkSingle(reading: Reading, node: Node | undefined, { min, max }: Service['count']): void {
  if (node === undefined || (min === 1 && max === 1)) return;
  const what = "the operator's computer is one machine";
  reading.problems.push(problemAt(node.place, `Cannot use "count": ${what}`, 'Write 1, or leave it out.'));
}

function readProtect(reading: Reading, node: Node | undefined): boolean {
  const scalar = scalarOf(node);
  if (typeof scalar?.value === 'boolean') return scalar.value;
  const text = renderText(reading, scalar)?.trim();
  if (scalar !== undefined && text !== undefined && text !== 'true' && text !== 'false') {
    const shown = quoted(showRendered(reading, scalar, text));
    reading.problems.push(
      problemAt(scalar.place, `Cannot use ${quoted(scalar.text)}: it renders to ${shown}, not true or false`),
    );
  }
  return text === 'true';
}

/** A share of the count is rounded up: one machine at least. */
function readUpdate(reading: Reading, node: Node | undefined, count: number): Service['update'] {
  const written = child(node, 'maxUnavailable');
  if (written === undefined) return null;
  const share = /^(\d{1,3})%$/.exec(renderText(reading, scalarOf(written)) ?? '')?.[1];
  if (share !== undefined) return { maxUnavailable: Math.max(1, Math.ceil((count * Number(share)) / 100)) };
  const maxUnavailable = readWhole(reading, written, TRIES);
  return maxUnavailable === undefined ? null : { maxUnavailable };
}

function readTimeouts(reading: Reading, node: Node | undefined): Timeouts {
  const read = (key: keyof Timeouts, minutes: number): number =>
    readDuration(reading, child(node, key)) ?? minutes * MINUTE;
  return {
    launch: read('launch', 10),
    connect: read('connect', 5),
    bootstrap: read('bootstrap', 20),
    verify: read('verify', 5),
    teardown: read('teardown', 5),
    terminate: read('terminate', 5),
  };
}

function readOutputs(reading: Reading, draft: DraftService): Readonly<Record<string, OutputSpec>> {
  return Object.fromEntries(
    draft.outputs.map(({ name, sensitive, value }) => [
      name,
      { sensitive, value: readTemplate(reading, value) },
    ]),
  );
}
