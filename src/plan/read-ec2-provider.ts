import type { Json } from '../json.ts';
import { isCidrBlock } from './cidr-block.ts';
import type { Reading } from './fields.ts';
import { isTemplated, readDuration, renderText, showRendered } from './fields.ts';
import type { Entry, Node } from './node.ts';
import { child, itemsOf, scalarOf } from './node.ts';
import type { ProviderConfig } from './plan.ts';
import { quoted } from './problems.ts';
import { checkRendered, isGiven, readText } from './provider-fields.ts';
import { checkSecret } from './secret-field.ts';
import { problemAt } from './text-file.ts';

const TEXTS = ['region', 'profile', 'endpoint', 'accessKeyId', 'secretAccessKey', 'sessionToken'] as const;

const URL_SHAPE = {
  shape: /^https?:\/\/[^/\s]/,
  what: 'a URL',
  hint: 'An endpoint is a URL such as https://ec2.example:8773.',
};

/** Reads a configuration of the type `ec2`, or of one that is not known yet. */
export function readEc2Provider(
  reading: Reading,
  { key: name, keyPlace, value }: Entry,
  type: string | undefined,
): ProviderConfig['options'] {
  const texts = new Map(TEXTS.map((key) => [key, readText(reading, child(value, key))]));
  for (const key of ['secretAccessKey', 'sessionToken'] as const)
    checkSecret(reading, key, child(value, key));
  checkRendered(reading, value, 'endpoint', URL_SHAPE);
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
