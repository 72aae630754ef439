import type { Json } from '../json.ts';
import { isCidrBlock } from './cidr-block.ts';
import type { Draft } from './draft.ts';
import type { Reading } from './fields.ts';
import { isTemplated, readDuration, readTemplate, renderText, showRendered } from './fields.ts';
import { didYouMean } from './nearest.ts';
import type { Entry, Node } from './node.ts';
import { child, entriesOf, itemsOf, scalarOf } from './node.ts';
import type { ProviderConfig } from './plan.ts';
import { quoted } from './problems.ts';
import { PROVIDER_KEYS, PROVIDER_TYPES, isProviderType } from './provider-types.ts';
import { referencesOf } from './template.ts';
import { problemAt } from './text-file.ts';

const TEXTS = ['region', 'profile', 'endpoint', 'accessKeyId', 'secretAccessKey', 'sessionToken'] as const;

/**
 * Reads the provider configurations as far as inputs are known, and notes their types in `reading`. A text that
 * renders to nothing stands for a key that is not there.
 */
export function readProviders(draft: Draft, reading: Reading): Readonly<Record<string, ProviderConfig>> {
  const configs = new Map<string, ProviderConfig>([['local', { name: 'local', type: 'local', options: {} }]]);
  for (const entry of draft.providers.values()) configs.set(entry.key, readProvider(draft, reading, entry));
  if (!draft.providers.has('local')) reading.providerTypes.set('local', 'local');
  return Object.fromEntries(configs);
}

function readProvider(draft: Draft, reading: Reading, entry: Entry): ProviderConfig {
  const { key: name, value } = entry;
  const type = readType(reading, child(value, 'type'));
  if (type !== undefined) reading.providerTypes.set(name, type);
  if (type !== undefined && isProviderType(type))
    for (const { key, keyPlace } of entriesOf(value))
      if (!PROVIDER_KEYS[type].includes(key) && PROVIDER_KEYS.ec2.includes(key))
        reading.problems.push(
          problemAt(keyPlace, `Cannot use key ${quoted(key)}: a ${type} provider has no such key`),
        );
  const options = readEc2Provider(draft, reading, entry, type);
  return { name, type: type ?? 'local', options: type === 'ec2' ? options : {} };
}

function readType(reading: Reading, node: Node | undefined): string | undefined {
  const type = renderText(reading, node);
  if (node === undefined || type === undefined || isProviderType(type)) return type;
  const message = `Cannot use "type": ${quoted(showRendered(reading, node, type))} is not one of ${PROVIDER_TYPES.map(quoted).join(', ')}`;
  reading.problems.push(problemAt(node.place, message, didYouMean(type, PROVIDER_TYPES)));
  return type;
}

function readEc2Provider(
  draft: Draft,
  reading: Reading,
  { key: name, keyPlace, value }: Entry,
  type: string | undefined,
): ProviderConfig['options'] {
  const texts = new Map(TEXTS.map((key) => [key, readText(reading, child(value, key))]));
  for (const key of ['secretAccessKey', 'sessionToken'] as const)
    checkSecret(draft, reading, key, child(value, key));
  checkUrl(reading, child(value, 'endpoint'), texts.get('endpoint'));
  const isDecided = scalarOf(child(value, 'type')) !== undefined && type === 'ec2';
  const refuse = (what: string): void =>
    void reading.problems.push(problemAt(keyPlace, `Cannot use ${quoted(name)}: ${what}`));
  if (
    isDecided &&
    texts.get('region') === '' &&
    texts.get('endpoint') === '' &&
    !isLeftToShape(reading, value)
  )
    refuse('it has neither "region" nor "endpoint"');
  for (const [key, other] of PAIRS)
    if (child(value, other) !== undefined && isGiven(texts.get(key)) && texts.get(other) === '')
      refuse(`${quoted(key)} has a value, and ${quoted(other)} has none`);
  if (isGiven(texts.get('profile')) && isGiven(texts.get('accessKeyId')))
    refuse('it has both "profile" and "accessKeyId"');
  const pollInterval = child(value, 'pollInterval');
  const sshFrom = readBlocks(reading, child(value, 'sshFrom'));
  const options: Record<string, Json> = {};
  for (const [key, text] of texts) if (isGiven(text)) options[key] = text;
  if (readDuration(reading, pollInterval) !== undefined)
    options['pollInterval'] = readText(reading, pollInterval) ?? '';
  if (sshFrom.length > 0) options['sshFrom'] = sshFrom;
  return options;
}

/** A key that has a value, and one that has to have a value too then. */
const PAIRS = [
  ['accessKeyId', 'secretAccessKey'],
  ['secretAccessKey', 'accessKeyId'],
  ['sessionToken', 'accessKeyId'],
] as const;

/** The schema tells that both are missing where the type is written out. */
function isLeftToShape(reading: Reading, value: Node): boolean {
  const type = scalarOf(child(value, 'type'));
  const isWritten = child(value, 'region') !== undefined || child(value, 'endpoint') !== undefined;
  return !isWritten && type !== undefined && !isTemplated(reading, type);
}

/** Empty for a key that is not there; undefined while an input that it needs has no value. */
function readText(reading: Reading, node: Node | undefined): string | undefined {
  return node === undefined ? '' : renderText(reading, node)?.trim();
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

/** The line is not shown: a secret may stand in it. */
function checkSecret(draft: Draft, reading: Reading, key: string, node: Node | undefined): void {
  const template = readTemplate(reading, node);
  if (node === undefined || template === null) return;
  const refuse = (why: string, hint: string): void =>
    void reading.problems.push({
      ...problemAt(node.place, `Cannot use ${quoted(key)}: ${why}`, hint),
      source: '',
    });
  const inputs = [...referencesOf(template).inputs];
  if (inputs.length === 0)
    refuse(
      'a secret does not belong in a plan',
      `Declare an input with "sensitive: true", and write ${key}: "{{inputs.…}}".`,
    );
  for (const input of inputs)
    if (draft.inputs.get(input)?.sensitive === false)
      refuse(
        `input ${quoted(input)} is not sensitive`,
        `Declare input ${quoted(input)} with "sensitive: true".`,
      );
}

/** The schema knows the shape of what is no template. */
function checkUrl(reading: Reading, node: Node | undefined, text: string | undefined): void {
  const scalar = scalarOf(node);
  if (scalar === undefined || !isGiven(text) || !isTemplated(reading, scalar)) return;
  if (/^https?:\/\/[^/\s]/.test(text)) return;
  const message = `Cannot use "endpoint": ${quoted(showRendered(reading, scalar, text))} is not a URL`;
  reading.problems.push(
    problemAt(scalar.place, message, 'An endpoint is a URL such as https://ec2.example:8773.'),
  );
}

const BLOCK_HINT = 'A CIDR block is written like 203.0.113.0/24, one address like 203.0.113.7/32.';

function readBlocks(reading: Reading, node: Node | undefined): readonly string[] {
  return itemsOf(node).flatMap((item, i) => {
    const text = renderText(reading, item)?.trim();
    if (!isGiven(text)) return [];
    if (isCidrBlock(text)) return [text];
    const message = `Cannot use item ${i + 1} of "sshFrom": ${quoted(showRendered(reading, item, text))} is not valid here`;
    reading.problems.push(problemAt(item.place, message, BLOCK_HINT));
    return [];
  });
}
