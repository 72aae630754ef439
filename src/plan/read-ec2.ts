import type { DraftService } from './draft.ts';
import type { Reading } from './fields.ts';
import { readTemplate, readTemplates, renderText } from './fields.ts';
import type { Node } from './node.ts';
import { child, scalarOf } from './node.ts';
import {
  presentOptions,
  readChoice,
  readFlag,
  readOneOrMore,
  readOption,
  readOptions,
  readSize,
  refuse,
  wholeOptions,
} from './option-fields.ts';
import type { TemplateTree } from './plan.ts';
import { readUserData } from './read-user-data.ts';

type Options = Readonly<Record<string, TemplateTree>>;

/** Reads a service's `ec2`. What inputs decide is a number or a boolean where one is wanted. */
export function readEc2(reading: Reading, service: DraftService, node: Node | undefined): Options {
  const key = (name: string): Node | undefined => child(node, name);
  return presentOptions({
    instanceType: readOneOrMore(reading, key('instanceType')),
    subnetId: readOneOrMore(reading, key('subnetId')),
    securityGroupIds: readOptions(reading, key('securityGroupIds')),
    keyName: readOption(reading, key('keyName')),
    iamInstanceProfile: readOption(reading, key('iamInstanceProfile')),
    associatePublicIp: readFlag(reading, key('associatePublicIp')),
    rootVolume: wholeOptions({
      sizeGiB: readSize(reading, child(key('rootVolume'), 'sizeGiB'), { min: 1, max: 65_536 }),
      type: readOption(reading, child(key('rootVolume'), 'type')),
      encrypted: readFlag(reading, child(key('rootVolume'), 'encrypted')),
    }),
    spot: readSpot(reading, key('spot')),
    userData: readUserData(reading, service, key('userData')) ?? undefined,
    metadata: wholeOptions({
      httpTokens: readChoice(reading, child(key('metadata'), 'httpTokens'), ['required', 'optional']),
      httpPutResponseHopLimit: readSize(reading, child(key('metadata'), 'httpPutResponseHopLimit'), {
        min: 1,
        max: 64,
      }),
    }),
    tenancy: readChoice(reading, key('tenancy'), ['default', 'dedicated', 'host']),
    placementGroup: readOption(reading, key('placementGroup')),
    tags: wholeOptions(readTemplates(reading, key('tags'))),
  });
}

/** `{}` for spot machines at any price; undefined: none. */
function readSpot(reading: Reading, node: Node | undefined): TemplateTree | undefined {
  if (node?.kind !== 'map') {
    const flag = readFlag(reading, node);
    return typeof flag === 'boolean' ? (flag ? {} : undefined) : flag;
  }
  const written = scalarOf(child(node, 'maxPrice'));
  const maxPrice = readTemplate(reading, written);
  const text = renderText(reading, written)?.trim();
  if (written === undefined || maxPrice === null || text === '') return {};
  if (text !== undefined && !/^\d+(?:\.\d+)?$/.test(text))
    refuse(reading, written, text, 'a price such as "0.05"');
  return { maxPrice };
}
