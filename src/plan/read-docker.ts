import type { Reading } from './fields.ts';
import { readTemplates } from './fields.ts';
import type { Node } from './node.ts';
import { child } from './node.ts';
import {
  presentOptions,
  readChoice,
  readFlag,
  readOneOrMore,
  readOption,
  readOptions,
  wholeOptions,
} from './option-fields.ts';
import type { TemplateTree } from './plan.ts';

/** Reads a service's `docker`. Numbers are texts, as they are written; `privileged` is a boolean as far as inputs tell. */
export function readDocker(reading: Reading, node: Node | undefined): Readonly<Record<string, TemplateTree>> {
  const key = (name: string): Node | undefined => child(node, name);
  return presentOptions({
    network: readOption(reading, key('network')),
    ports: readOptions(reading, key('ports')),
    volumes: readOptions(reading, key('volumes')),
    env: wholeOptions(readTemplates(reading, key('env'))),
    memory: readOption(reading, key('memory')),
    cpus: readOption(reading, key('cpus')),
    command: readOneOrMore(reading, key('command')),
    privileged: readFlag(reading, key('privileged')),
    pull: readChoice(reading, key('pull'), ['missing', 'always', 'never']),
  });
}
